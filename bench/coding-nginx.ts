import { readFileSync, writeFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { invariant } from "../common/assert.ts";
import { listenTcp } from "../common/listen.ts";
import { eventually } from "../test/support/eventually.ts";
import { freePort } from "../test/support/free-port.ts";
import { startMeridian, startProcess } from "../test/support/process.ts";
import { tempDir } from "../test/support/temp-dir.ts";
import { cpuSeconds } from "./soak/resident.ts";

/*
 * Hits of a text that is served in gzip: processor time per response of this edge with `compress`,
 * and of nginx with `proxy_cache` and `gzip on` at the same level, in the same run. nginx encodes
 * each response anew, the edge each body once. Run: npx node bench/coding-nginx.ts
 */

const ROOT = join(import.meta.dirname, "..");
const ROUNDS = 5;
const REQUESTS = 1_000;
const CLIENTS = 16;

const stops: (() => void | Promise<void>)[] = [];
const scope = { after: (stop: () => void | Promise<void>) => void stops.push(stop) };
const agent = new Agent({ keepAlive: true });

function get(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { host: "bench.test", "accept-encoding": "gzip" };
    const ask = request({ host: "127.0.0.1", port, path: "/text", headers, agent }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on("data", (piece: Buffer) => pieces.push(piece));
      answer.once("end", () => resolve(Buffer.concat(pieces)));
      answer.once("error", reject);
    });
    ask.once("error", reject);
    ask.end();
  });
}

/** Milliseconds of processor time of a process for each of many responses. */
async function cost(port: number, pid: number): Promise<number> {
  const before = cpuSeconds(pid);
  let left = REQUESTS;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await get(port);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return ((cpuSeconds(pid) - before) * 1_000) / REQUESTS;
}

function nginxConfiguration(folder: string, port: number, origin: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${join(folder, kind)};`)
    .join(" ");
  return `daemon off; master_process off; pid ${join(folder, "nginx.pid")};
error_log ${join(folder, "error.log")};
events {}
http {
  ${temporary}
  access_log off;
  proxy_cache_path ${join(folder, "cache")} keys_zone=bench:1m;
  gzip on; gzip_comp_level 6; gzip_types text/plain; gzip_proxied any;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${origin}; proxy_cache bench; }
  }
}
`;
}

async function startNginx(origin: number): Promise<{ port: number; pid: number }> {
  const folder = tempDir(scope);
  const port = await freePort();
  const file = join(folder, "nginx.conf");
  writeFileSync(file, nginxConfiguration(folder, port, origin));
  const child = startProcess(scope, { command: "nginx", args: ["-p", folder, "-c", file] });
  await eventually("nginx answers", () => get(port));
  return { port, pid: child.pid };
}

async function startOurs(origin: number): Promise<{ port: number; pid: number }> {
  const from = `--origin=http://127.0.0.1:${origin}`;
  const args = ["edge", "--listen=127.0.0.1:0", from, "--compress"];
  const { child, ready } = await startMeridian(scope, args);
  const { http } = ready["addresses"] as { http: { port: number } };
  return { port: http.port, pid: child.pid };
}

const whole = readFileSync(join(ROOT, "package-lock.json"));
for (const size of [10_240, 102_400]) {
  const text = whole.subarray(0, size);
  const origin = createServer((_request, response) => {
    const fields = { "cache-control": "max-age=600", "content-type": "text/plain" };
    response.writeHead(200, { ...fields, "content-length": text.length });
    response.end(text);
  });
  const { port } = await listenTcp(origin, { host: "127.0.0.1", port: 0 }, "bench origin");
  const ours = await startOurs(port);
  const nginx = await startNginx(port);
  for (const peer of [ours, nginx]) {
    await eventually("encoded", async () => {
      invariant(gunzipSync(await get(peer.port)).equals(text), "the same text");
    });
  }
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [edgeMs, nginxMs] = [await cost(ours.port, ours.pid), await cost(nginx.port, nginx.pid)];
    ratios.push(nginxMs / edgeMs);
    const figures = `edge ${edgeMs.toFixed(3)} ms, nginx ${nginxMs.toFixed(3)} ms`;
    process.stdout.write(`${size} bytes: ${figures} of CPU a response\n`);
  }
  const median = ratios.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
  process.stdout.write(`${size} bytes: nginx / edge, median: ${median.toFixed(1)}\n`);
  for (const stop of stops.splice(0).reverse()) await stop();
  origin.close();
  origin.closeAllConnections();
}
agent.destroy();
