import { availableParallelism } from "node:os";
import type { SocketAddress } from "../../common/address.ts";
import {
  type DnssecConfig,
  type SignedZoneConfig,
  signedZones,
} from "../../common/config/dnssec.ts";
import type { EdgeTlsConfig } from "../../common/config/edge-tls.ts";
import type { CheckConfig } from "../../common/config/health.ts";
import type { Config, EdgeConfig, PopConfig } from "../../common/config/schema.ts";
import type { Logger } from "../../common/log.ts";
import { ok } from "../../common/result.ts";
import type { SealingKey } from "../../common/sealed.ts";
import type { EdgeOptions } from "../../edge/server.ts";
import { parseLatency } from "../../router-dns/geo/latency.ts";
import type { RouterOptions } from "../../router-dns/server.ts";
import { REMOVED_MARGIN_MS } from "../../state/limits.ts";
import type { StateStore } from "../../state/store.ts";
import { edgeAdminListen, routerAdminTarget } from "../admin-addresses.ts";
import type { ControlOptions } from "../server.ts";

/** What daemons of one process share. Without state, a daemon knows only its configuration. */
export interface Shared {
  readonly state?: StateStore;
  readonly log: Logger;
}

/** What a router does according to the configuration (P). */
export function routerOptions(config: Config, name: string, shared: Shared): RouterOptions {
  const { cdn } = config;
  return {
    name,
    listen: config.router.listen,
    admin: config.router.admin,
    service: config.router,
    domain: cdn.domain,
    nameservers: cdn.nameservers,
    ...(cdn.hostmaster === undefined ? {} : { hostmaster: cdn.hostmaster }),
    reverse: cdn.reverse,
    ...(cdn.https === undefined ? {} : { https: cdn.https }),
    ttlSeconds: ttlSeconds(config),
    answers: cdn.answers,
    pops: config.pops,
    health: config.health,
    load: config.load,
    probe: probeOf(config.health.check),
    geo: {
      ...(config.geoip.city === undefined ? {} : { city: config.geoip.city }),
      ...(config.geoip.asn === undefined ? {} : { asn: config.geoip.asn }),
    },
    ...(config.coverage === undefined ? {} : { coverageFile: config.coverage }),
    latency: { file: config.latency.file, marginMs: config.latency.margin },
    latencyFromEdges: config.latency.fromEdges,
    zoneFiles: config.zones.flatMap(({ file, primaries }) => (primaries ? [] : [file])),
    ...transferSettings(config),
    ...(config.dnssec === undefined ? {} : { dnssec: dnssecOptions(config.dnssec) }),
    sites: config.sites,
    ...(config.router.keep === undefined ? {} : { keepFile: config.router.keep }),
    siteMetrics: config.metrics.sites,
    ...(config.log.queries === undefined ? {} : { queries: config.log.queries }),
    anyName: false,
    ...(config.router.workers === undefined ? {} : { workers: config.router.workers }),
    ...shared,
  };
}

/** The same for a process that does nothing else: it answers on every core. */
export function routerRoleOptions(config: Config, name: string, shared: Shared): RouterOptions {
  return { workers: availableParallelism(), ...routerOptions(config, name, shared) };
}

/** A check with what it leaves out (P). */
function probeOf(check: CheckConfig): RouterOptions["probe"] {
  const { kind, port, path = "/healthz", host, expect = [200], body, ca, verify = true } = check;
  const at = port === undefined ? {} : { port };
  if (kind === "tcp") return { kind, ...at };
  const asked = {
    ...at,
    path,
    expect,
    ...(host === undefined ? {} : { authority: host }),
    ...(body === undefined ? {} : { body }),
  };
  if (kind === "http") return { kind, ...asked };
  return { kind, ...asked, verify, ...(ca === undefined ? {} : { caFile: ca }) };
}

/** Nothing at all where no zone goes to or comes from another server. */
function transferSettings(config: Config): Pick<RouterOptions, "transfers"> {
  const { cdn, tsig, zones, catalogs } = config;
  const isUsed = (zone: Config["zones"][number]) => zone.transfer ?? zone.primaries;
  const isNone = tsig.length === 0 && catalogs.length === 0 && cdn.transfer === undefined;
  if (isNone && !zones.some(isUsed)) return {};
  const own = cdn.transfer === undefined ? {} : { cdn: cdn.transfer };
  return { transfers: { tsig, zones, catalogs, ...own } };
}

/** How a router signs according to the configuration (P). */
export function dnssecOptions(dnssec: DnssecConfig): NonNullable<RouterOptions["dnssec"]> {
  return {
    folder: dnssec.keys,
    rollsOver: dnssec.rollover === "automatic",
    zones: signedZones(dnssec).map((zone) => ({ name: zone.name, policy: signingPolicy(zone) })),
  };
}

/** The times of one signed zone in whole seconds (P). */
export function signingPolicy(
  zone: SignedZoneConfig,
): NonNullable<RouterOptions["dnssec"]>["zones"][number]["policy"] {
  const seconds = (ms: number) => Math.round(ms / 1_000);
  return {
    scheme: zone.scheme,
    zskLifetime: seconds(zone.zskLifetime),
    kskLifetime: seconds(zone.kskLifetime),
    signatureLifetime: seconds(zone.signatureLifetime),
    dnskeyTtl: seconds(zone.dnskeyTtl),
    maxTtl: seconds(zone.maxTtl),
    propagation: seconds(zone.propagation),
    dsTtl: seconds(zone.dsTtl),
  };
}

/** What one edge does according to the configuration (P). */
export function edgeOptions(
  config: Config,
  { pop, edge }: PlacedEdge,
  { sealingKey, ...shared }: Shared & { readonly sealingKey?: SealingKey | undefined },
): EdgeOptions {
  return {
    name: edge.name,
    pop: pop.name,
    cdnDomain: config.cdn.domain,
    listen: edgeListen(edge),
    admin: edgeAdminListen(edge),
    memoryBytes: edge.memory,
    ...(edge.disk === undefined ? {} : { disk: { path: edge.disk.path, bytes: edge.disk.size } }),
    capacityBitsPerSecond: edge.capacity,
    measuresClients: config.latency.fromEdges,
    profile: config.edge.profile,
    ...(config.edge.purgeFrom === undefined ? {} : { purgeFrom: config.edge.purgeFrom }),
    originCertificates: config.edge.originCertificates,
    ...(config.edge.signingKeys === undefined ? {} : { signingKeys: config.edge.signingKeys }),
    ...(config.edge.tls === undefined
      ? {}
      : { tls: edgeTlsOptions(edge, config.edge.tls, sealingKey) }),
    sites: config.sites,
    siteMetrics: config.metrics.sites,
    ...(config.log.access === undefined ? {} : { access: config.log.access }),
    anyHost: false,
    keepRemovedMs: config.cdn.ttl + REMOVED_MARGIN_MS,
    ...shared,
  };
}

function edgeTlsOptions(
  edge: EdgeConfig,
  tls: EdgeTlsConfig,
  sealingKey: SealingKey | undefined,
): NonNullable<EdgeOptions["tls"]> {
  const { port, certificates: files, unnamed, minVersion, http2 } = tls;
  return {
    listen: edge.tlsListen ?? { host: edgeListen(edge).host, port },
    port,
    files,
    unnamed,
    minVersion,
    http2,
    ...(sealingKey === undefined ? {} : { sealingKey }),
  };
}

/** What the control server does according to the configuration (P). */
export function controlOptions(
  config: Config,
  {
    access,
    sealingKey,
    acme,
    ...shared
  }: Required<Shared> & Pick<ControlOptions, "access" | "sealingKey" | "acme">,
): ControlOptions {
  return {
    listen: config.control.listen,
    admin: config.control.admin,
    config: {
      domain: config.cdn.domain,
      nameservers: config.cdn.nameservers,
      ttlSeconds: ttlSeconds(config),
      pops: config.pops,
      sites: config.sites,
      dns: config.router.listen,
      routerAdmin: routerAdminTarget(config),
      hasAuthority: config.acme !== undefined,
      ...(config.acme?.renewBefore === undefined ? {} : { renewBeforeMs: config.acme.renewBefore }),
    },
    ...(acme === undefined ? {} : { acme }),
    access,
    sealingKey,
    checkRoundTrips: roundTripCheck(config.pops),
    ...shared,
  };
}

/** Reads measured round trips between clients and these PoPs as a router does (P). */
export function roundTripCheck(
  pops: readonly Pick<PopConfig, "name">[],
): ControlOptions["checkRoundTrips"] {
  const names = pops.map(({ name }) => name);
  return (text) => {
    const table = parseLatency(text, "", names);
    if (!table.ok) return table;
    const { rows } = table.value;
    return ok({ prefixes: rows.length, ways: rows.reduce((sum, row) => sum + row.length, 0) });
  };
}

/** An edge and the PoP that it stands in. */
export interface PlacedEdge {
  readonly pop: PopConfig;
  readonly edge: EdgeConfig;
}

/** All edges of a configuration, with their PoPs (P). */
export function placedEdges(config: Config): readonly PlacedEdge[] {
  return config.pops.flatMap((pop) => pop.edges.map((edge) => ({ pop, edge })));
}

function edgeListen(edge: EdgeConfig): SocketAddress {
  return edge.listen ?? { host: edge.address, port: edge.port };
}

function ttlSeconds(config: Config): number {
  return Math.round(config.cdn.ttl / 1_000);
}
