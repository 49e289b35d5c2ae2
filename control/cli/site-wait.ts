import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../../common/clock.ts";
import { acmeName } from "../acme/names.ts";
import type { CertificateListBody, RolloutBody, SiteBody, WaitedFor } from "../api/shapes.ts";
import { coversHost } from "../certificates/pair.ts";
import { nameResolver, POINTS_HERE, whereTo } from "../names.ts";
import { callApi } from "./api-client.ts";
import { CommandFailure } from "./failure.ts";
import { formatTable } from "./table.ts";

/** How long --wait lets edges and DNS take, and the API wait: longer than DNS waits for edges. */
export const EDGES_WAIT_MS = 15_000;
/** How long it watches names, if nobody says. */
export const NAMES_WAIT_MS = 600_000;
/** How often names are looked up. */
const LOOK_EVERY_MS = 2_000;

/** What `?wait=` says for a command with or without --wait. */
export function waitQuery(wait: boolean | undefined): string | undefined {
  return wait === true ? String(EDGES_WAIT_MS) : undefined;
}

/** Shows which edges have applied a change; fails if one that is alive has not. */
export function printWaited({ acknowledged = [], pending = [] }: WaitedFor): void {
  const done = acknowledged.map(({ edge, ms }) => [edge, `has it after ${ms} ms`]);
  const open = pending.map(({ edge, live }) => [
    edge,
    live ? "does not have it yet" : "sends no heartbeat: it reads what is in force when it is back",
  ]);
  process.stdout.write(formatTable([...done, ...open], "  "));
  const late = pending.filter(({ live }) => live).map(({ edge }) => edge);
  if (late.length === 0) return;
  throw new CommandFailure(`not applied after ${EDGES_WAIT_MS / 1_000} s: ${late.join(", ")}`, {
    remedy: "It stays in the log, and they apply it as soon as they can: meridian status.",
  });
}

/** How often it is looked whether a certificate has come. */
const CERTIFICATE_EVERY_MS = 1_000;

/**
 * Waits until the certificate of a site has come; says what keeps it whenever that changes. Fails
 * when `timeoutMs` has passed.
 */
export async function watchCertificate(
  { site }: SiteBody,
  { api, timeoutMs }: { readonly api: string | undefined; readonly timeoutMs: number },
): Promise<void> {
  const asked = site.https?.certificate;
  if (asked === undefined) return;
  const name = asked === "acme" ? acmeName(site.name) : asked;
  const hosts = site.hosts ?? [];
  const deadline = systemClock.monotonic() + timeoutMs;
  let said = "";
  const say = (what: string): void => {
    if (what !== said) process.stdout.write(`certificate: ${what}\n`);
    said = what;
  };
  for (;;) {
    const list = await callApi<CertificateListBody>(api, { path: "/certificates" });
    const there = list.certificates.find((one) => one.name === name && !one.expired);
    // One that is there from before may lack a host that the site has now.
    if (there !== undefined && hosts.every((host) => coversHost(there.hosts, host))) {
      say(`is there, until ${there.notAfter.slice(0, 10)}`);
      return;
    }
    const order = there?.order ?? list.awaited.find((one) => one.name === name);
    say(order?.error ?? (order === undefined ? "is not ordered yet" : "is ordered"));
    if (systemClock.monotonic() > deadline) {
      throw new CommandFailure(`after ${timeoutMs / 1_000} s there is no certificate: ${said}`, {
        remedy:
          "The site is hosted all the same, and the certificate is tried for: certificate list.",
      });
    }
    await pause(CERTIFICATE_EVERY_MS);
  }
}

/** Shows which edges have a change of a site, and which routers; fails if DNS is behind. */
export function printRollout(answer: RolloutBody): void {
  const { routers = [] } = answer;
  printWaited(answer);
  const rows = routers.map(({ router, ms }) => [
    router,
    ms === undefined ? "does not answer by it yet" : `answers by it after ${ms} ms`,
  ]);
  process.stdout.write(formatTable(rows, "  "));
  const late = routers.filter(({ ms }) => ms === undefined).map(({ router }) => router);
  if (late.length === 0) return;
  throw new CommandFailure(`not in DNS after ${EDGES_WAIT_MS / 1_000} s: ${late.join(", ")}`, {
    remedy: "Routers take it as soon as they can: meridian status.",
  });
}

/** Where names are looked up, and for how long. */
export interface NameWatch {
  /** Such as `127.0.0.1:5300`; left out: as the system does. */
  readonly resolver?: string;
  readonly timeoutMs: number;
}

/**
 * Waits until every host of a site leads to the CDN: by a CNAME, or, at an apex, by the addresses
 * that the CDN's own name has. Says what is seen whenever that changes.
 */
export async function watchNames(site: SiteBody, watch: NameWatch): Promise<void> {
  const resolver = nameResolver(watch.resolver);
  const hosts = site.site.hosts ?? [];
  const seen = new Map<string, string>();
  const deadline = systemClock.monotonic() + watch.timeoutMs;
  for (;;) {
    for (const host of hosts.filter((name) => seen.get(name) !== POINTS_HERE)) {
      const found = await whereTo(host, site.cdnHost, resolver);
      if (seen.get(host) === found) continue;
      seen.set(host, found);
      process.stdout.write(`${host}: ${found}\n`);
    }
    const open = hosts.filter((name) => seen.get(name) !== POINTS_HERE);
    if (open.length === 0) return;
    if (systemClock.monotonic() > deadline) {
      throw new CommandFailure(
        `after ${watch.timeoutMs / 1_000} s these do not lead here: ${open.join(", ")}`,
        {
          remedy:
            "The site is hosted all the same. Have its owner set the records above; resolvers may " +
            "keep an old answer for as long as its TTL said.",
        },
      );
    }
    await pause(LOOK_EVERY_MS);
  }
}
