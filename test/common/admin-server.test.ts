import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AdminSources, type Readiness, startAdminServer } from "../../common/admin-server.ts";
import { ListenError } from "../../common/listen.ts";
import { Metrics } from "../../common/metrics.ts";
import { exchangeRaw, fetchAt } from "../support/http.ts";
import type { Scope } from "../support/scope.ts";

async function start(scope: Scope, sources: Partial<AdminSources> = {}) {
  const server = await startAdminServer(
    { host: "127.0.0.1", port: 0 },
    { metrics: new Metrics("origin"), readiness: () => ({ ready: true }), ...sources },
  );
  scope.after(() => server.close());
  const get = (path: string, method = "GET") =>
    fetchAt(`http://admin${path}`, { at: server.address, method });
  return { server, get };
}

describe("the admin port", () => {
  it("says that it is alive even while it is not ready, and why it is not", async (t) => {
    let readiness: Readiness = { ready: false, reason: "draining" };
    const { get } = await start(t, { readiness: () => readiness });
    assert.equal((await get("/healthz")).status, 200);
    const unready = await get("/readyz");
    assert.equal(unready.status, 503);
    assert.equal(unready.body.toString(), "draining\n");
    readiness = { ready: true };
    assert.equal((await get("/readyz")).status, 200);
  });

  it("shows metrics in the format that Prometheus reads", async (t) => {
    const { get } = await start(t);
    const response = await get("/metrics");
    assert.match(response.field("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.match(response.body.toString(), /# TYPE meridian_origin_requests_total counter/);
    assert.match(response.body.toString(), /process_cpu_seconds_total/);
  });

  it("answers routes with JSON, their status and their query", async (t) => {
    const echo = (query: URLSearchParams) => ({ status: 422, body: { url: query.get("url") } });
    const { get } = await start(t, { routes: { "/explain": echo } });
    const response = await get("/explain?url=http%3A%2F%2Fa%2F%3Fx");
    assert.equal(response.status, 422);
    assert.equal(response.field("content-type"), "application/json");
    assert.deepEqual(JSON.parse(response.body.toString()), { url: "http://a/?x" });
  });

  it("survives a route that throws and a request that is none", async (t) => {
    const broken = () => {
      throw new Error("our mistake");
    };
    const { server, get } = await start(t, { routes: { "/broken": broken } });
    const response = await get("/broken");
    assert.equal(response.status, 500);
    assert.match(response.body.toString(), /our mistake/);
    const bytes = await exchangeRaw(server.address, "what is this\r\n\r\n");
    assert.match(bytes.toString(), /^HTTP\/1\.1 400 /);
    assert.equal((await get("/healthz")).status, 200);
  });

  it("says what it has to who asks for something else, and reads only", async (t) => {
    const { get } = await start(t, { routes: { "/explain": () => ({ status: 200, body: 1 }) } });
    const lost = await get("/metricz");
    assert.equal(lost.status, 404);
    assert.match(lost.body.toString(), /\/healthz, \/readyz, \/metrics, \/explain/);
    assert.equal((await get("/healthz", "POST")).status, 405);
    const head = await get("/healthz", "HEAD");
    assert.equal(head.status, 200);
    assert.equal(head.body.length, 0);
  });

  it("names the port that it cannot have", async (t) => {
    const { server } = await start(t);
    const second = startAdminServer(server.address, {
      metrics: new Metrics("origin"),
      readiness: () => ({ ready: true }),
    });
    await assert.rejects(second, (error: unknown) => {
      assert.ok(error instanceof ListenError);
      assert.equal(error.code, "EADDRINUSE");
      const place = `127.0.0.1:${server.address.port}`;
      assert.match(
        error.message,
        new RegExp(`cannot listen on ${place} \\(admin port\\): something`),
      );
      return true;
    });
  });
});
