import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import type { SocketAddress } from "../../../common/address.ts";
import type { SiteInput } from "../../../common/config/site.ts";
import { listenTcp } from "../../../common/listen.ts";
import { freePort } from "../../support/free-port.ts";
import { type Pebble, type PebbleOptions, startPebble } from "../../support/pebble.ts";
import type { RunningProcess } from "../../support/process.ts";
import { runMeridian, startMeridian } from "../../support/process.ts";
import type { Scope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** A CDN with an authority beside it, from nothing: no site, no certificate, no account. */
export interface AcmeStory {
  readonly pebble: Pebble;
  readonly dns: SocketAddress;
  readonly http: SocketAddress;
  readonly https: SocketAddress;
  readonly api: string;
  readonly admin: string;
  readonly origin: string;
  readonly dir: string;
  readonly child: RunningProcess;
  /** Runs a command of the control API. */
  run(...args: string[]): ReturnType<typeof runMeridian>;
  /** Puts a site in force. */
  apply(site: SiteInput): ReturnType<typeof runMeridian>;
  /** Puts records into the customer's zone `shop.example`. */
  customerZone(records: string): void;
}

/** What a story wants to be different. */
export interface StoryOptions extends Partial<Omit<PebbleOptions, "dns" | "httpPort">> {
  /** More of the configuration, as YAML. */
  readonly more?: string;
  readonly wildcard?: boolean;
}

/** Starts pebble, an origin and `meridian up` with an edge and a router, in processes. */
export async function startStory(scope: Scope, options: StoryOptions = {}): Promise<AcmeStory> {
  const dir = tempDir(scope);
  const [dnsPort, httpPort, apiPort] = [await freePort(), await freePort(), await freePort()];
  const [adminPort, edgeAdmin, routerAdmin] = [
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const httpsPort = await freePort();
  const dns = { host: "127.0.0.1", port: dnsPort };
  const pebble = await startPebble(scope, { ...options, dns, httpPort });
  const origin = createServer((_, response) => response.end("what the origin has\n"));
  const { port } = await listenTcp(origin, { host: "127.0.0.1", port: 0 }, "origin");
  scope.after(() => {
    origin.close();
    origin.closeAllConnections();
  });
  const customerZone = (records: string): void => {
    const head = "$TTL 1\n@ IN SOA ns1 root 1 3600 600 86400 1\n@ IN NS ns1\nns1 IN A 127.0.0.1\n";
    writeFileSync(join(dir, "shop.example.zone"), `$ORIGIN shop.example.\n${head}${records}\n`);
  };
  customerZone("");
  const file = join(dir, "cdn.yaml");
  writeFileSync(
    file,
    `
cdn: { domain: kingcdn.test, ttl: 1s, nameservers: [{ name: ns1.kingcdn.test, address: 127.0.0.1 }] }
router: { listen: ["127.0.0.1:${dnsPort}"], admin: "127.0.0.1:${routerAdmin}" }
control: { listen: "127.0.0.1:${apiPort}", admin: "127.0.0.1:${adminPort}" }
edge: { tls: { port: ${httpsPort} } }
health: { interval: 500ms }
acme:
  directory: ${pebble.directory}
  email: operator@kingcdn.test
  termsAgreed: true
  ca: ${pebble.ca}
  resolver: 127.0.0.1:${dnsPort}
  wildcard: ${options.wildcard === true}
pops:
  - name: syd
    location: [-33.87, 151.21]
    edges:
      - { name: syd-1, address: 127.0.0.1, port: ${httpPort}, admin: "127.0.0.1:${edgeAdmin}" }
zones: [{ file: shop.example.zone }]
${options.more ?? ""}`,
  );
  const api = `http://127.0.0.1:${apiPort}`;
  const { child } = await startMeridian(scope, ["up", "--config", file]);
  const env = { ...process.env, MERIDIAN_TOKEN_FILE: join(dir, "meridian.token") };
  const run = (...args: string[]) => runMeridian([...args, "--api", api], { env });
  return {
    pebble,
    dns,
    http: { host: "127.0.0.1", port: httpPort },
    https: { host: "127.0.0.1", port: httpsPort },
    api,
    admin: `http://127.0.0.1:${adminPort}`,
    origin: `http://127.0.0.1:${port}`,
    dir,
    child,
    run,
    apply: (site) => {
      const file = join(dir, "site.json");
      writeFileSync(file, JSON.stringify(site));
      return run("site", "apply", file);
    },
    customerZone,
  };
}
