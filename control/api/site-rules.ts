import { takenBy } from "../../common/config/check.ts";
import { ruleHostProblems } from "../../common/config/rule-check.ts";
import type { Config } from "../../common/config/schema.ts";
import type { Site } from "../../common/config/site.ts";
import type { CertificateRecord } from "../../state/certificates.ts";
import { coversHost } from "../certificates/pair.ts";
import { cdnHost } from "../site-text.ts";
import type { ControlConfig } from "./context.ts";
import { ApiError, fieldText } from "./errors.ts";

/**
 * Says what keeps a site from standing beside the others, or undefined (P): a host belongs to one
 * site, names below the CDN's domain belong to the CDN, some of them to its own servers, and a site
 * must not be its own origin.
 */
export function siteConflict(
  site: Site,
  others: readonly Site[],
  cdn: Pick<Config["cdn"], "domain" | "nameservers">,
): ApiError | undefined {
  const { domain } = cdn;
  const owner = takenBy(site.name, cdn);
  if (owner !== undefined) {
    return new ApiError("invalid", {
      field: "name",
      message: `"${cdnHost(site.name, domain)}" belongs to ${owner}`,
      remedy: "Choose another name.",
    });
  }
  const own = new Set([...site.hosts, cdnHost(site.name, domain)]);
  for (const [index, host] of site.hosts.entries()) {
    const field = `hosts[${index}]`;
    if (host === domain || host.endsWith(`.${domain}`)) {
      return new ApiError("invalid", {
        field,
        message: `"${host}" lies below ${domain}, which belongs to the CDN`,
        remedy: `The site is reached at ${cdnHost(site.name, domain)} anyway: leave this host out.`,
      });
    }
    const owner = others.find((other) => other.name !== site.name && other.hosts.includes(host));
    if (owner !== undefined) {
      return new ApiError("host-taken", {
        field,
        message: `"${host}" belongs to the site "${owner.name}"`,
        remedy: `Take it out of "${owner.name}" first.`,
      });
    }
  }
  for (const [index, url] of site.origin.urls.entries()) {
    const host = URL.parse(url)?.hostname ?? "";
    if (!own.has(host)) continue;
    return new ApiError("invalid", {
      field: `origin.urls[${index}]`,
      message: `"${host}" is a name of the site itself: edges would fetch from themselves`,
      remedy: "Give the name or address of the machine that has the content.",
    });
  }
  const [foreign] = ruleHostProblems(site, cdnHost(site.name, domain));
  if (foreign === undefined) return undefined;
  return new ApiError("invalid", {
    field: fieldText(foreign.path),
    message: foreign.message,
    remedy: "Add it to the hosts of the site, or leave it out of the rule.",
  });
}

/** Scheme, host and target of printable ASCII: what a request line and a Host field can carry. */
const PURGE_URL = /^https?:\/\/[a-z0-9._-]+(:\d+)?([/?][\x21-\x7e]*)?$/i;

/** Says what is wrong with a URL to purge, or undefined (P). */
export function purgeUrlProblem(url: string, site: Site, domain: string): ApiError | undefined {
  return problemIn("urls", url, site, domain);
}

/**
 * Says what is wrong with a prefix to purge, or undefined (P): it is the beginning of URLs, scheme
 * and whole host included, and does not end inside an escape.
 */
export function purgePrefixProblem(
  prefix: string,
  site: Site,
  domain: string,
): ApiError | undefined {
  if (!/%[0-9a-f]?$/i.test(prefix)) return problemIn("prefixes", prefix, site, domain);
  return new ApiError("invalid", {
    field: "prefixes",
    message: `"${prefix}" ends inside a percent-encoded character`,
    remedy: "End it before the % or after both digits.",
  });
}

function problemIn(
  field: "urls" | "prefixes",
  url: string,
  site: Site,
  domain: string,
): ApiError | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || !PURGE_URL.test(url)) {
    return new ApiError("invalid", {
      field,
      message: `"${url}" is not an absolute http: or https: URL as a client would send it`,
      remedy:
        field === "urls"
          ? "Like http://www.example.com/a%20b?c=d: spaces and other letters percent-encoded."
          : "Like http://www.example.com/images/: scheme, host, and the beginning of the path.",
    });
  }
  const hosts = [...site.hosts, cdnHost(site.name, domain)];
  if (hosts.includes(parsed.hostname)) return undefined;
  return new ApiError("wrong-site", {
    field,
    message: `"${parsed.hostname}" is not a host of the site "${site.name}"`,
    remedy: `Its hosts: ${hosts.join(", ")}.`,
  });
}

/** Says why a site cannot have the certificate that it names, or undefined (P). */
export function certificateConflict(
  site: Site,
  certificates: readonly CertificateRecord[],
  config: Pick<ControlConfig, "domain" | "hasAuthority">,
): ApiError | undefined {
  const name = site.https?.certificate;
  const field = "https.certificate";
  if (name === undefined) return undefined;
  if (name === "acme") {
    if (config.hasAuthority === true) return undefined;
    return new ApiError("invalid", {
      field,
      message: "there is no authority to get certificates from",
      remedy: "Set acme: in the configuration of the control server, or put one here yourself.",
    });
  }
  const certificate = certificates.find((one) => one.name === name);
  if (certificate === undefined) {
    return new ApiError("invalid", {
      field,
      message: `there is no certificate "${name}"`,
      remedy: `Put it here first: meridian certificate put ${name} --chain FILE --key FILE`,
    });
  }
  const hosts = site.hosts.length === 0 ? [cdnHost(site.name, config.domain)] : site.hosts;
  const bare = hosts.find((host) => !coversHost(certificate.hosts, host));
  if (bare === undefined) return undefined;
  return new ApiError("invalid", {
    field,
    message: `the certificate "${name}" is not good for ${bare}, only for ${certificate.hosts.join(" ")}`,
    remedy: "Use one that has all hosts of the site.",
  });
}
