import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { liveFigures } from "../../../control/api/live-figures.ts";
import type { EdgeStatus, StatusBody } from "../../../control/api/shapes.ts";
import { divide, plainText, topScreen } from "../../../control/cli/top-screen.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

function anEdge(pop: string, name: string, more: Partial<EdgeStatus> = {}): EdgeStatus {
  return {
    name,
    pop,
    address: "192.0.2.1",
    port: 80,
    drained: false,
    health: "up",
    routers: [{ router: "r1", health: "up", since: NOW - 61_000, detail: "200 in 1 ms" }],
    heartbeat: {
      edge: name,
      pop,
      at: NOW,
      run: "1",
      version: 7,
      connections: 4,
      bitsPerSecond: 3_000_000,
      requestsPerSecond: 25,
      cpu: 0.5,
      storeBytes: 10,
      storeBytesMax: 40,
      objects: 9,
      recent: {
        seconds: 10,
        requests: 250,
        hits: 200,
        bytes: 4_000,
        hitBytes: 1_000,
        errors: 0,
        firstByte: [
          [0.001, 200],
          [0.25, 50],
        ],
        sites: [{ site: "shop", requests: 250, hits: 200, bytes: 4_000, hitBytes: 1_000 }],
      },
    },
    version: 7,
    lag: 0,
    ...more,
  };
}

function silent(edge: EdgeStatus): EdgeStatus {
  const { heartbeat: _heartbeat, version: _version, lag: _lag, ...rest } = edge;
  return rest;
}

function aStatus(pops: Readonly<Record<string, readonly EdgeStatus[]>>): StatusBody {
  return {
    now: NOW,
    cdn: { domain: "kingcdn.test", ttlSeconds: 20 },
    state: { kind: "redis", up: true, version: 7, epoch: "e" },
    dns: [],
    certificates: { good: 0, problems: [] },
    demo: false,
    pops: Object.entries(pops).map(([name, edges]) => ({ name, location: [0, 0], edges })),
    routers: [
      { name: "r1", version: 6, lag: 1, queriesPerSecond: 12.25, mapProblems: ["too old"] },
    ],
    sites: [
      {
        site: { name: "shop", hosts: ["www.shop.example"], origin: { urls: ["http://192.0.2.9"] } },
        etag: "x",
        cdnHost: "shop.kingcdn.test",
        records: [],
      },
    ],
  };
}

const TWO_POPS = aStatus({
  fra: [anEdge("fra", "fra-1"), anEdge("fra", "fra-2", { drained: true })],
  syd: [silent(anEdge("syd", "syd-1", { health: "down" }))],
});

describe("the figures of meridian top", () => {
  it("add edges up to PoPs and to all, and count as up only what clients are sent to", () => {
    const { total, pops } = liveFigures(TWO_POPS);
    assert.deepEqual(total, {
      requestsPerSecond: 50,
      bitsPerSecond: 6_000_000,
      connections: 8,
      queriesPerSecond: 12.25,
      edgesUp: 1,
      edges: 3,
      hitRatio: 0.8,
      byteHitRatio: 0.25,
      errorRatio: 0,
      firstByteP50Seconds: 0.001,
      firstByteP99Seconds: 0.25,
    });
    assert.deepEqual(
      pops.map(({ name, edgesUp, edges, share }) => [name, edgesUp, edges, share]),
      [
        ["fra", 1, 2, 1],
        ["syd", 0, 1, 0],
      ],
    );
  });

  it("put what needs somebody's attention first, then the busiest, then names in order", () => {
    const busy = anEdge("fra", "b");
    const { heartbeat } = busy;
    assert.ok(heartbeat !== undefined);
    const status = aStatus({
      fra: [
        anEdge("fra", "z"),
        anEdge("fra", "a"),
        { ...busy, heartbeat: { ...heartbeat, requestsPerSecond: 26 } },
        anEdge("fra", "new", { health: "unknown" }),
        anEdge("fra", "out", { drained: true }),
        anEdge("fra", "dead", { health: "down" }),
      ],
    });
    const names = liveFigures(status).edges.map(({ name }) => name);
    assert.deepEqual(names, ["dead", "out", "new", "b", "a", "z"]);
  });

  it("say that an edge is not heard of, rather than that it is idle", () => {
    const [dead] = liveFigures(TWO_POPS).edges;
    assert.deepEqual([dead?.name, dead?.heard, dead?.forMs], ["syd-1", false, 61_000]);
    const text = plainText(topScreen(liveFigures(TWO_POPS), { columns: 120 }));
    assert.match(text, /^syd-1 +down +61 s +- +- +- +- +- +- +- +- +-$/m);
  });
});

describe("the screen of meridian top", () => {
  it("shows every part, in words that need no colour", () => {
    const lines = topScreen(liveFigures(TWO_POPS), { columns: 120 });
    assert.equal(
      plainText(lines),
      `kingcdn.test   03:04:05 UTC   redis state at version 7
hits 80.0% of requests, 25.0% of bytes   first byte 1.00 ms p50, 250 ms p99   errors 0%
1 of 3 edges up   50 requests/s   6.0 Mbit/s   8 connections   12 DNS queries/s

POP   UP  REQ/S     TRAFFIC  CLIENTS   HITS     P99  SHARE
fra  1/2     50  6.0 Mbit/s        8  80.0%  250 ms   100%  ################
syd  0/1      0     0 bit/s        0      -       -     0%

EDGE   HEALTH        FOR  REQ/S     TRAFFIC  CLIENTS   HITS     P99  CPU  MEMORY  DISK  VERSION
syd-1  down         61 s      -           -        -      -       -    -       -     -        -
fra-2  up, drained  61 s     25  3.0 Mbit/s        4  80.0%  250 ms  50%     25%     -        7
fra-1  up           61 s     25  3.0 Mbit/s        4  80.0%  250 ms  50%     25%     -        7

ROUTER  QUERIES/S  VERSION  MAP
r1             12   6 (-1)  too old

SITE  REQ/S     TRAFFIC   HITS  BYTE HITS  SERVED AT         ORIGIN
shop     50  6.4 kbit/s  80.0%      25.0%  www.shop.example  http://192.0.2.9
`,
    );
    const styles = lines.filter(({ style }) => style !== "plain" && style !== "soft");
    assert.deepEqual(
      styles.map(({ text, style }) => [style, text.split(" ", 1)[0]]),
      [
        ["strong", "kingcdn.test"],
        ["warning", "1"],
        ["warning", "fra"],
        ["bad", "syd"],
        ["bad", "syd-1"],
        ["warning", "fra-2"],
        ["warning", "r1"],
      ],
    );
  });

  it("fits into any terminal, and says what it leaves out", () => {
    const many = Array.from({ length: 200 }, (_, n) => anEdge("fra", `fra-${n + 1}`));
    const figures = liveFigures(aStatus({ fra: many }));
    for (const columns of [1, 20, 80, 200]) {
      for (const rows of [1, 2, 5, 12, 24, 60]) {
        const lines = topScreen(figures, { columns, rows }, "notice");
        assert.ok(lines.length <= rows, `${lines.length} lines in ${rows}`);
        const longest = Math.max(...lines.map(({ text }) => text.length));
        assert.ok(longest <= columns, `${longest} columns in ${columns}`);
      }
    }
    const text = plainText(topScreen(figures, { columns: 100, rows: 24 }));
    const shown = text.match(/^fra-\d+ /gm)?.length ?? 0;
    assert.ok(shown >= 5, text);
    assert.match(text, new RegExp(`^\\.\\.\\. and ${200 - shown} more$`, "m"));
    assert.equal(text.split("\n").length - 1, 24, "no line is wasted");
  });

  it("shows no text that could move the cursor", () => {
    const status = aStatus({ fra: [anEdge("fra", "fra-1")] });
    const odd = { ...status, cdn: { ...status.cdn, domain: "a\u001b[2Jb\u009b\n" } };
    const lines = topScreen(liveFigures(odd), { columns: 80 }, "x\ry");
    assert.equal(lines[0]?.text, "x?y");
    assert.match(lines[1]?.text ?? "", /^a\?\[2Jb\?\? {3}/);
  });

  it("says when the state store does not answer", () => {
    const status = aStatus({ fra: [anEdge("fra", "fra-1")] });
    const away = { ...status, state: { ...status.state, up: false } };
    const [line] = topScreen(liveFigures(away), { columns: 80 });
    assert.deepEqual([line?.style, line?.text.includes("NOT ANSWER")], ["bad", true]);
  });
});

describe("dividing lines among tables", () => {
  it("gives what is wanted if there is enough, else as evenly as it goes, never more", () => {
    assert.deepEqual(divide(10, [2, 3, 1]), [2, 3, 1]);
    assert.deepEqual(divide(10, [2, 30, 40]), [2, 4, 4]);
    assert.deepEqual(divide(7, [3, 30, 1]), [3, 3, 1]);
    assert.deepEqual(divide(0, [3, 1]), [0, 0]);
    for (let available = 0; available < 40; available++) {
      const wanted = [1, 5, 9, 13];
      const given = divide(available, wanted);
      const sum = given.reduce((total, lines) => total + lines, 0);
      assert.equal(sum, Math.min(available, 28));
    }
  });
});
