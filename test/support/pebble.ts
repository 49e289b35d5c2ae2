import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SocketAddress } from "../../common/address.ts";
import { makeCertificate } from "./certificate.ts";
import { freePort } from "./free-port.ts";
import { startProcess } from "./process.ts";
import type { Scope } from "./scope.ts";
import { tempDir } from "./temp-dir.ts";

/** A real ACME server for one test. */
export interface Pebble {
  readonly directory: string;
  /** File with the certificate of its own HTTPS. */
  readonly ca: string;
  /** The root of the certificates that it issues: PEM, another one in each run. */
  root(): Promise<string>;
  /** What it has logged. */
  readonly lines: readonly string[];
}

/** How it sees the world. */
export interface PebbleOptions {
  /** Where it looks names up. */
  readonly dns: SocketAddress;
  /** Where it looks for HTTP challenges, in place of port 80. */
  readonly httpPort: number;
  /** Life of what it issues, in seconds. */
  readonly validitySeconds?: number;
  /** Percent of requests that it refuses for their nonce, as servers may; left out: 20. */
  readonly badNonces?: number;
}

/** Starts pebble, which checks challenges as an authority does. Resolves when it serves. */
export async function startPebble(scope: Scope, options: PebbleOptions): Promise<Pebble> {
  const dir = tempDir(scope);
  const [port, management] = [await freePort(), await freePort()];
  const own = await makeCertificate(dir, "localhost");
  const { dns, httpPort, validitySeconds, badNonces = 20 } = options;
  const config = join(dir, "pebble.json");
  writeFileSync(
    config,
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: own.certificate,
        privateKey: own.key,
        httpPort,
        tlsPort: await freePort(),
        ocspResponderURL: "",
        externalAccountBindingRequired: false,
        ...(validitySeconds === undefined ? {} : { certificateValidityPeriod: validitySeconds }),
      },
    }),
  );
  const child = startProcess(scope, {
    command: "pebble",
    args: ["-config", config, "-dnsserver", `${dns.host}:${dns.port}`, "-strict"],
    env: {
      ...process.env,
      PEBBLE_VA_NOSLEEP: "1",
      PEBBLE_WFE_NONCEREJECT: String(badNonces),
      // Challenges of a host that it has believed once are asked for again.
      PEBBLE_AUTHZREUSE: "0",
    },
  });
  await child.waitForLine(
    "stdout",
    (line) => line.includes("ACME directory available") || undefined,
  );
  return {
    directory: `https://localhost:${port}/dir`,
    ca: own.certificate,
    root: () => fetchRoot(`https://localhost:${management}/roots/0`, own.certificate),
    get lines() {
      return child.stdout;
    },
  };
}

async function fetchRoot(url: string, ca: string): Promise<string> {
  const { Agent, request } = await import("undici");
  const dispatcher = new Agent({ connect: { ca: readFileSync(ca) } });
  const { body } = await request(url, { dispatcher });
  const text = await body.text();
  await dispatcher.close();
  return text;
}
