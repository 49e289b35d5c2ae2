import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type {
  ErrorBody,
  LatencyBody,
  LatencyPutBody,
  StatusBody,
} from "../../../control/api/shapes.ts";
import { formatStatus } from "../../../control/cli/status.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import { ROUND_TRIPS_BYTES_MAX } from "../../../state/limits.ts";
import { runMeridian } from "../../support/process.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startTestControl } from "../support.ts";

const CSV = "prefix,pop,ms\n192.0.2.0/24,syd,12.5\n192.0.2.0/24,fra,280\n2001:db8::/48,fra,9\n";

async function start(t: TestContext) {
  const store = openEmbeddedState({ file: ":memory:" });
  t.after(() => store.close());
  return { store, ...(await startTestControl(t, store)) };
}

const REPORT = { at: 1, version: 1, queriesPerSecond: 2, edges: [] };

describe("round trips through the API", () => {
  it("are put as lines or as JSON, shown, and cleared", async (t) => {
    const { call, store } = await start(t);
    const none = await call<LatencyBody>("GET", "/latency");
    assert.deepEqual(none.body, { version: 0, prefixes: 0, ways: 0, routers: [] });
    const put = await call<LatencyPutBody>("PUT", "/latency", CSV);
    assert.equal(put.status, 200);
    const { version, prefixes, ways, by } = put.body;
    assert.deepEqual([version, prefixes, ways, by], [1, 2, 3, "api"]);
    assert.equal((await store.roundTrips())?.text, CSV);
    const table = { "192.0.2.0/24": { syd: 7 } };
    assert.equal((await call<LatencyPutBody>("PUT", "/latency", table)).body.version, 2);
    await store.report({ router: "r1", roundTrips: 2, ...REPORT }, 60_000);
    await store.report({ router: "r2", ...REPORT }, 60_000);
    const shown = (await call<LatencyBody>("GET", "/latency?table=true")).body;
    assert.deepEqual(shown.routers, [{ name: "r1", version: 2 }, { name: "r2" }]);
    assert.deepEqual(JSON.parse(shown.table ?? ""), table);
    const cleared = (await call<LatencyPutBody>("DELETE", "/latency")).body;
    assert.deepEqual([cleared.version, cleared.ways], [3, 0]);
    assert.equal((await store.roundTrips())?.text, "");
  });

  it("what is wrong is told with its line, and changes nothing", async (t) => {
    const { call, store } = await start(t);
    const wrong = "192.0.2.0/24,syd,1\n192.0.2.1/24,syd,1\n192.0.2.0/24,mars,1\n";
    const refused = await call<ErrorBody>("PUT", "/latency", wrong);
    assert.equal(refused.status, 400);
    const { problems = [] } = refused.body.error;
    assert.deepEqual(
      problems.map(({ field }) => field),
      ["line 2", "line 3"],
    );
    assert.match(problems[1]?.message ?? "", /no PoP is called "mars"/);
    const large = "#".repeat(ROUND_TRIPS_BYTES_MAX + 1);
    assert.equal((await call("PUT", "/latency", large)).status, 413);
    assert.equal((await call("PUT", "/latency", { "192.0.2.0/24": { syd: "1" } })).status, 400);
    assert.equal((await call("PUT", "/latency", [1])).status, 400);
    assert.equal(await store.roundTrips(), undefined);
  });

  it("meridian latency put, show and clear", async (t) => {
    const { base } = await start(t);
    const file = join(tempDir(t), "measured.csv");
    writeFileSync(file, CSV);
    const run = (...args: string[]) => runMeridian(["latency", ...args, "--api", base]);
    const put = await run("put", file);
    assert.deepEqual([put.code, put.stdout.split(",")[0]], [0, "3 round trips of 2 prefixes"]);
    assert.match((await run("show")).stdout, /version 1, put by api at .*none has reported/s);
    assert.equal((await run("show", "--table")).stdout.trim(), CSV.trim());
    writeFileSync(file, "192.0.2.0/24,mars,1\n");
    const refused = await run("put", file);
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /line 1: no PoP is called "mars"; there are syd, fra/);
    assert.match((await run("clear")).stdout, /version 2/);
    assert.match((await run("put", join(file, "none"))).stderr, /measured.csv/);
  });
});

describe("what is wrong with a router's map", () => {
  it("is in the status, of each router", async (t) => {
    const { call, store } = await start(t);
    const broken = "/data/city.mmdb: no MaxMind database";
    await store.report({ router: "r1", mapProblems: [broken], ...REPORT }, 60_000);
    await store.report({ router: "r2", mapProblems: [], ...REPORT }, 60_000);
    const { body } = await call<StatusBody>("GET", "/status");
    assert.deepEqual(
      body.routers.map(({ name, mapProblems }) => [name, mapProblems]),
      [
        ["r1", [broken]],
        ["r2", []],
      ],
    );
    assert.match(
      formatStatus(body),
      /\nrouter r1, map: \/data\/city.mmdb: no MaxMind database\n\n/,
    );
  });
});
