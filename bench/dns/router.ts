import { routerSchema } from "../../common/config/router.ts";
import { loadSchema } from "../../common/config/schema.ts";
import { runUntilSignal } from "../../common/daemon.ts";
import { createLogger } from "../../common/log.ts";
import { generateKeys } from "../../router-dns/data/zone-keys.ts";
import { startRouter } from "../../router-dns/server.ts";
import { POLICY } from "../../test/router-dns/sign/world.ts";
import { DOMAIN, POPS } from "./world.ts";

// The router of a comparison: everything that is on by default is on, and also rate limiting, from
// which loopback would be exempt; its limits are too high to hold anything back.
const [port = "0", database = "", layer = "auto", keyFolder] = process.argv.slice(2);
const service = routerSchema.parse({
  udp: layer,
  rateLimit: { answersPerSecond: 1_000_000, extraBytesPerSecond: "1GiB", exempt: [] },
});
if (keyFolder !== undefined) {
  const order = { folder: keyFolder, zone: DOMAIN, policy: POLICY };
  const made = generateKeys(order, "ecdsap256sha256", Date.now());
  if (!made.ok) throw new Error(`no keys in ${keyFolder}`);
}
const zones = [{ name: DOMAIN, policy: POLICY }];
const log = createLogger("json", "warn");
const router = await startRouter({
  name: "bench",
  listen: [{ host: "127.0.0.1", port: Number(port) }],
  admin: { host: "127.0.0.1", port: 0 },
  service,
  domain: DOMAIN,
  nameservers: [{ name: `ns1.${DOMAIN}`, address: "127.0.0.1" }],
  ttlSeconds: 20,
  answers: 4,
  pops: POPS.map(({ name, latitude, longitude, address }) => ({
    name,
    location: [latitude, longitude],
    edges: [{ name: `${name}-1`, address, port: 80, capacity: 1e9, memory: 2 ** 20 }],
  })),
  health: { interval: 500, timeout: 1_000, rise: 2, fall: 3 },
  load: loadSchema.parse({}),
  probe: { kind: "none" },
  latency: { marginMs: 10 },
  geo: { city: database },
  zoneFiles: [],
  sites: [],
  anyName: true,
  ...(keyFolder === undefined ? {} : { dnssec: { folder: keyFolder, zones, rollsOver: false } }),
  log,
});
await runUntilSignal([router], log);
