import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { listenTcp } from "../../common/listen.ts";
import { freePort } from "../support/free-port.ts";
import { REPOSITORY, runProcess } from "../support/process.ts";

async function check(url: string): Promise<number | null> {
  const script = join(REPOSITORY, "deploy/healthcheck.mjs");
  return (await runProcess({ command: process.execPath, args: [script, url] })).code;
}

async function aServer(t: TestContext, status: number | "silent"): Promise<string> {
  const server = createServer((_request, response) => {
    if (status !== "silent") response.writeHead(status).end("x");
  });
  const { host, port } = await listenTcp(server, { host: "127.0.0.1", port: 0 }, "test server");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://${host}:${port}/readyz`;
}

test("a daemon that is ready is healthy, one that is not is not", async (t) => {
  assert.equal(await check(await aServer(t, 200)), 0);
  assert.equal(await check(await aServer(t, 503)), 1);
});

test("a port that nobody listens on, and one that does not answer, are not healthy", async (t) => {
  assert.equal(await check(`http://127.0.0.1:${await freePort()}/readyz`), 1);
  assert.equal(await check(await aServer(t, "silent")), 1);
});
