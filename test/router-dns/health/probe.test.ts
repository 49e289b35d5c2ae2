import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test } from "node:test";
import { probe } from "../../../router-dns/health/probe.ts";
import { freePort } from "../../support/free-port.ts";
import type { Scope } from "../../support/scope.ts";

const HOST = "127.0.0.1";

function http(port: number, path = "/healthz") {
  const authority = "syd-1.edge.cdn.test";
  return { kind: "http", host: HOST, port, path, authority, expect: [200] } as const;
}

async function listen(scope: Scope, server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, HOST, () => resolve());
  });
  scope.after(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  );
  return (server.address() as AddressInfo).port;
}

test("200 works and says how long it took; the edge sees the name it is asked for", async (t) => {
  const hosts: (string | undefined)[] = [];
  const server = createHttpServer((request, response) => {
    hosts.push(request.headers.host);
    response.writeHead(request.url === "/healthz" ? 200 : 503).end("body");
  });
  const port = await listen(t, server);
  const good = await probe(http(port), 1000);
  assert.equal(good.works, true);
  assert.match(good.detail, /^200 in \d+ ms$/);
  assert.deepEqual(hosts, ["syd-1.edge.cdn.test"]);
  const bad = await probe(http(port, "/other"), 1000);
  assert.equal(bad.works, false);
  assert.match(bad.detail, /^503 in \d+ ms$/);
});

test("each probe has a connection of its own", async (t) => {
  let connections = 0;
  const server = createHttpServer((_request, response) => response.end());
  server.on("connection", () => {
    connections += 1;
  });
  const port = await listen(t, server);
  for (let i = 0; i < 3; i += 1) assert.equal((await probe(http(port), 1000)).works, true);
  assert.equal(connections, 3);
});

test("a refused connection fails at once", async () => {
  const port = await freePort();
  for (const target of [http(port), { kind: "tcp", host: HOST, port } as const]) {
    assert.deepEqual(await probe(target, 5000), { works: false, detail: "connection refused" });
  }
});

test("an edge that accepts and says nothing fails at the timeout", async (t) => {
  const server = createServer((socket) => socket.on("error", () => socket.destroy()).resume());
  const port = await listen(t, server);
  assert.deepEqual(await probe(http(port), 50), { works: false, detail: "no answer in 50 ms" });
  assert.equal((await probe({ kind: "tcp", host: HOST, port }, 1000)).works, true);
});

test("an edge that talks nonsense, or closes, fails", async (t) => {
  for (const words of ["nonsense\r\n\r\n", ""]) {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.resume().end(words);
    });
    const port = await listen(t, server);
    assert.equal((await probe(http(port), 1000)).works, false);
  }
});

test("a path that HTTP does not allow is a failed probe, not an exception", async (t) => {
  const port = await listen(t, createHttpServer());
  const result = await probe(http(port, "/with space"), 1000);
  assert.equal(result.works, false);
});
