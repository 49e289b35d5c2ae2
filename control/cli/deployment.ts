import { dirname, isAbsolute, join, resolve } from "node:path";
import { loadConfig } from "../../common/config/load.ts";
import type { Config } from "../../common/config/schema.ts";
import { formatProblem } from "../../common/file-problem.ts";
import type { Logger } from "../../common/log.ts";
import type { StateStore } from "../../state/store.ts";
import { CommandFailure, usageFailure } from "./failure.ts";

/** A configuration whose file names are absolute: they are written relative to its own file. */
export interface Deployment {
  readonly file: string;
  readonly config: Config;
}

/** Reads a configuration file; every problem in it ends the command with exit code 2. */
export function loadDeployment(file: string): Deployment {
  const result = loadConfig(file);
  if (!result.ok) {
    const lines = result.error.map(formatProblem).join("\n");
    throw usageFailure(`the configuration cannot be used\n${lines}`);
  }
  return { file, config: absoluteFiles(result.value, dirname(resolve(file))) };
}

/** Opens the store that the configuration names; embedded state is kept beside its file. */
export async function openState(deployment: Deployment, log: Logger): Promise<StateStore> {
  const { config, file } = deployment;
  if (config.redis !== undefined) {
    const { openRedisState } = await import("../../state/redis.ts");
    return openRedisState({ url: config.redis, log });
  }
  const [{ openEmbeddedState }, { StateFileError }] = await Promise.all([
    import("../../state/embedded.ts"),
    import("../../state/embedded-file.ts"),
  ]);
  const path = config.stateFile ?? join(dirname(resolve(file)), "meridian.db");
  try {
    return openEmbeddedState({ file: path, log });
  } catch (error) {
    if (error instanceof StateFileError) throw new CommandFailure(error.message);
    throw error;
  }
}

/** Opens the store for a process that is not alone; embedded state would be its own secret. */
export async function openSharedState(deployment: Deployment, log: Logger): Promise<StateStore> {
  if (deployment.config.redis !== undefined) return openState(deployment, log);
  throw usageFailure(
    `${deployment.file} has no "redis:", so state is embedded: it lives inside one process, and ` +
      "a role of its own would never hear of a site, a purge or a drain.",
    'Add "redis: redis://host:6379", or run all roles together: ' +
      `meridian up --config ${deployment.file}`,
  );
}

/** The configuration with its file names made absolute: they are relative to `folder` (P). */
export function absoluteFiles(config: Config, folder: string): Config {
  const absolute = (file: string) => (isAbsolute(file) ? file : join(folder, file));
  const { city, asn } = config.geoip;
  return {
    ...config,
    router: absoluteRouterFiles(config.router, absolute),
    edge: absoluteEdgeFiles(config.edge, absolute),
    health: absoluteHealthFiles(config.health, absolute),
    log: absoluteLogFiles(config.log, absolute),
    geoip: {
      ...(city === undefined ? {} : { city: absolute(city) }),
      ...(asn === undefined ? {} : { asn: absolute(asn) }),
    },
    ...(config.coverage === undefined ? {} : { coverage: absolute(config.coverage) }),
    ...(config.latency.file === undefined
      ? {}
      : { latency: { ...config.latency, file: absolute(config.latency.file) } }),
    control: {
      ...config.control,
      tokenFile: absolute(config.control.tokenFile ?? "meridian.token"),
    },
    ...(config.acme?.ca === undefined
      ? {}
      : { acme: { ...config.acme, ca: absolute(config.acme.ca) } }),
    tls: { keyFile: absolute(config.tls.keyFile ?? "meridian-tls.key") },
    ...(config.stateFile === undefined ? {} : { stateFile: absolute(config.stateFile) }),
    pops: config.pops.map((pop) => ({
      ...pop,
      edges: pop.edges.map((edge) =>
        edge.disk === undefined
          ? edge
          : { ...edge, disk: { ...edge.disk, path: absolute(edge.disk.path) } },
      ),
    })),
    zones: config.zones.map((zone) => ({ ...zone, file: absolute(zone.file) })),
    catalogs: config.catalogs.map((catalog) =>
      catalog.folder === undefined ? catalog : { ...catalog, folder: absolute(catalog.folder) },
    ),
    tsig: config.tsig.map((key) =>
      key.secretFile === undefined ? key : { ...key, secretFile: absolute(key.secretFile) },
    ),
    ...(config.dnssec === undefined
      ? {}
      : { dnssec: { ...config.dnssec, keys: absolute(config.dnssec.keys) } }),
  };
}

function absoluteHealthFiles(
  health: Config["health"],
  absolute: (file: string) => string,
): Config["health"] {
  const { ca } = health.check;
  return ca === undefined ? health : { ...health, check: { ...health.check, ca: absolute(ca) } };
}

function absoluteLogFiles(
  { access, queries }: Config["log"],
  absolute: (file: string) => string,
): Config["log"] {
  const placed = (to: string) => (to === "stdout" ? to : absolute(to));
  return {
    ...(access === undefined ? {} : { access: { ...access, to: placed(access.to) } }),
    ...(queries === undefined ? {} : { queries: { ...queries, to: placed(queries.to) } }),
  };
}

function absoluteEdgeFiles(
  edge: Config["edge"],
  absolute: (file: string) => string,
): Config["edge"] {
  const { tls, signingKeys } = edge;
  const shown = Object.entries(edge.originCertificates).map(([name, pair]) => {
    return [name, { certificate: absolute(pair.certificate), key: absolute(pair.key) }] as const;
  });
  const certificates = tls?.certificates.map(({ certificate, key }) => ({
    certificate: absolute(certificate),
    key: absolute(key),
  }));
  return {
    ...edge,
    originCertificates: Object.fromEntries(shown),
    ...(tls === undefined || certificates === undefined ? {} : { tls: { ...tls, certificates } }),
    ...(signingKeys === undefined ? {} : { signingKeys: absolute(signingKeys) }),
  };
}

function absoluteRouterFiles(
  router: Config["router"],
  absolute: (file: string) => string,
): Config["router"] {
  const { cookies, tls } = router;
  const { secretFile } = cookies;
  return {
    ...router,
    ...(router.keep === undefined ? {} : { keep: absolute(router.keep) }),
    cookies: {
      ...cookies,
      ...(secretFile === undefined ? {} : { secretFile: absolute(secretFile) }),
    },
    ...(tls === undefined
      ? {}
      : { tls: { ...tls, certificate: absolute(tls.certificate), key: absolute(tls.key) } }),
  };
}
