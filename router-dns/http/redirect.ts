import { edgeLabel } from "../../common/config/edge-name.ts";
import type { PopConfig } from "../../common/config/schema.ts";
import type { Site } from "../../common/config/site.ts";
import { formatIp, type IpBytes } from "../../common/ip.ts";
import type { SteerView } from "../geo/choose.ts";
import { chooseForUrl } from "../geo/choose-url.ts";
import type { SteerReason } from "../steering.ts";
import { formatName } from "../wire/name.ts";

/** What is asked of the 302 router: a request as far as the answer depends on it. */
export interface RedirectRequest {
  readonly method: string;
  /** The values of all Host fields. */
  readonly hosts: readonly string[];
  /** The request target as sent. */
  readonly target: string;
  readonly client: IpBytes;
}

/** Why a request is not redirected, also the label values of `dns_redirect_refusals_total`. */
export type RedirectRefusal = "method" | "bad-request" | "too-long" | "unknown-host" | "nobody-up";

/** What is answered. */
export type Redirect =
  | {
      readonly kind: "redirect";
      readonly location: string;
      readonly site: string;
      readonly client: string;
      /** Undefined: the site's host elsewhere, because nothing is up. */
      readonly pop: string | undefined;
      readonly edge: string | undefined;
      readonly reason: SteerReason;
    }
  | { readonly kind: "refused"; readonly reason: RedirectRefusal };

/** Sites by their hosts, and what stands in a Location for each: made once for a set of sites. */
export type RedirectHosts = ReadonlyMap<string, { readonly site: string; readonly label: string }>;

/** The CDN as redirects see it. */
export interface RedirectWorld {
  readonly domain: string;
  readonly hosts: RedirectHosts;
  /** Where each edge serves HTTP, by its name. */
  readonly ports: ReadonlyMap<string, number>;
  readonly view: SteerView;
}

/** The longest path and query: the answer repeats them, and some clients take no longer field. */
const TARGET_LENGTH_MAX = 8_192;

/** Name or address, and a port that does not matter: the router may stand behind others. */
const HOST = /^([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::\d{0,5})?$/i;

const ABSOLUTE_FORM = /^http:\/\/([^/?]*)(.*)$/is;

/** Which hosts are redirected (P). Of two sites that claim one the first has it, as at edges. */
export function redirectHosts(sites: Iterable<Site>, domain: string): RedirectHosts {
  const list = [...sites];
  const hosts = new Map<string, { site: string; label: string }>();
  const claim = (host: string, site: Site) => {
    if (hosts.has(host)) return;
    hosts.set(host, { site: site.name, label: edgeLabel(site, host, domain) });
  };
  for (const site of list) claim(`${site.name}.${domain}`, site);
  for (const site of list) for (const host of site.hosts) claim(host, site);
  return hosts;
}

/** Where each edge serves HTTP, by its name (P). */
export function edgePorts(pops: readonly PopConfig[]): ReadonlyMap<string, number> {
  return new Map(pops.flatMap(({ edges }) => edges.map(({ name, port }) => [name, port])));
}

/**
 * Decides where a request is sent (P): to the edge that has its URL, under a name of that edge that
 * stands for the host asked for. RFC 9110 section 15.4.3; the target is repeated as it came.
 */
export function decideRedirect(request: RedirectRequest, world: RedirectWorld): Redirect {
  const { method, client } = request;
  if (method !== "GET" && method !== "HEAD") return refused("method");
  if (request.target.length > TARGET_LENGTH_MAX) return refused("too-long");
  const asked = readTarget(request);
  const [, host] = HOST.exec(asked?.host ?? "") ?? [];
  if (asked === undefined || host === undefined) return refused("bad-request");
  const known = world.hosts.get(host.toLowerCase());
  if (known === undefined) return refused("unknown-host");
  const { target } = asked;
  const { site, label } = known;
  const choice = chooseForUrl(world.view, { site, client, target });
  if (choice.kind === "none") return refused("nobody-up");
  const told = { kind: "redirect", site, client: formatIp(client) } as const;
  if (choice.kind === "backup") {
    const location = `http://${formatName(choice.target).replace(/\.$/, "")}${target}`;
    return { ...told, location, pop: undefined, edge: undefined, reason: "all-down" };
  }
  const { pop, reason } = choice;
  const edge = choice.edge.name;
  const port = world.ports.get(edge) ?? 80;
  const authority = `${label}.${edge}.edge.${world.domain}${port === 80 ? "" : `:${port}`}`;
  return { ...told, location: `http://${authority}${target}`, pop, edge, reason };
}

/**
 * Host and origin-form of a target (RFC 9112 section 3.2): absolute-form beats Host, and there is
 * exactly one Host. Octets that no URI has are percent-encoded, so that a field can hold them.
 */
function readTarget({ hosts, target }: RedirectRequest) {
  const [host = ""] = hosts;
  // No form has a fragment, and whoever sends one may mean anything by it.
  if (hosts.length !== 1 || target.includes("#")) return undefined;
  const [, authority, rest = ""] = ABSOLUTE_FORM.exec(target) ?? [];
  const path = authority === undefined ? target : rest.startsWith("/") ? rest : `/${rest}`;
  if (!path.startsWith("/")) return undefined;
  return { host: authority ?? host, target: path.replaceAll(/[^\x21-\x7e]/g, percentEncoded) };
}

/** Node gives each octet of a target as one character. */
function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

function refused(reason: RedirectRefusal): Redirect {
  return { kind: "refused", reason };
}
