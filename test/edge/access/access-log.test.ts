import assert from "node:assert/strict";
import { readFileSync, renameSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { AccessLogConfig } from "../../../common/config/access-log.ts";
import { eventually } from "../../support/eventually.ts";
import type { Scope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startOrigin, startTestEdge, type TestEdgeOptions } from "../harness.ts";

type Line = Readonly<Record<string, unknown>>;

/** An edge with an access log, and its lines as soon as there are `count` of them. */
async function loggingEdge(
  scope: Scope,
  access: Partial<AccessLogConfig> = {},
  options: Partial<TestEdgeOptions> = {},
) {
  const to = join(tempDir(scope), "access.log");
  const origin = await startOrigin(scope, (request, response) => {
    const { url = "" } = request;
    if (url.startsWith("/private")) response.setHeader("cache-control", "no-store");
    else response.setHeader("cache-control", "max-age=60");
    response.statusCode = url.startsWith("/missing") ? 404 : 200;
    response.end(url.startsWith("/large") ? "x".repeat(100_000) : "12345");
  });
  const edge = await startTestEdge(scope, {
    origins: [origin.url],
    access: { to, format: "json", sample: 1, anonymise: true, ...access },
    ...options,
  });
  const text = (count: number) =>
    eventually(`${count} lines`, () => {
      const lines = readFileSync(to, "utf8").split("\n").slice(0, -1);
      assert.ok(lines.length >= count, `there are ${lines.length}`);
      return lines;
    });
  return {
    edge,
    to,
    text,
    lines: async (count: number) =>
      (await text(count)).map((line): Line => JSON.parse(line) as Line),
  };
}

for (const fastLane of [true, false]) {
  describe(`the access log, with the fast lane ${fastLane ? "on" : "off"}`, () => {
    it("says of each request what was answered and why", async (t) => {
      const { edge, lines } = await loggingEdge(t, {}, { fastLane });
      const headers = { "user-agent": "probe/1", referer: "http://a.example/" };
      for (const path of ["/a?q=1", "/a?q=1", "/large", "/large", "/private", "/missing"]) {
        await edge.get(path, { headers });
      }
      const seen = await lines(6);
      const short = seen.map(({ target, cache, reason, status, bytes }) =>
        [target, cache, reason, status, bytes].join(" "),
      );
      assert.deepEqual(short, [
        "/a?q=1 miss uri-miss 200 5",
        "/a?q=1 hit fresh 200 5",
        "/large miss uri-miss 200 100000",
        "/large hit fresh 200 100000",
        "/private miss uri-miss 200 5",
        "/missing miss uri-miss 404 5",
      ]);
      for (const line of seen) {
        assert.equal(line["edge"], "test-1");
        assert.equal(line["site"], "shop");
        assert.equal(line["host"], "shop.example");
        assert.equal(line["client"], "127.0.0.0");
        assert.equal(line["protocol"], "HTTP/1.1");
        assert.equal(line["user_agent"], "probe/1");
        assert.equal(line["referer"], "http://a.example/");
        assert.equal(line["method"], "GET");
        assert.ok(Math.abs(Date.parse(String(line["time"])) - Date.now()) < 60_000);
        assert.ok(Number(line["first_byte"]) <= Number(line["duration"]));
        assert.equal("upstream" in line, line["cache"] === "miss");
      }
    });

    it("says which rule it was, and what was refused", async (t) => {
      const site = {
        rules: [
          { match: "/no/*", cache: false },
          { match: "/yes/*", cache: true },
        ],
      };
      const { edge, lines } = await loggingEdge(t, {}, { fastLane, site });
      for (const path of ["/no/1", "/yes/1", "/yes/1", "/other"]) await edge.get(path);
      await edge.get("/x", { headers: { host: "nobody.example" } });
      const seen = await lines(5);
      assert.deepEqual(
        seen.map(({ rule, reason, site: name }) => [rule, reason, name]),
        [
          [1, "rule", "shop"],
          [2, "uri-miss", "shop"],
          [2, "fresh", "shop"],
          [undefined, "uri-miss", "shop"],
          [undefined, "unknown-site", undefined],
        ],
      );
    });

    it("writes Combined lines that nginx's readers take", async (t) => {
      const { edge, text } = await loggingEdge(t, { format: "combined" }, { fastLane });
      await edge.get("/a", { headers: { "user-agent": 'a"b\\c' } });
      await edge.get("/a", { headers: { "user-agent": 'a"b\\c', referer: "http://r/" } });
      const [miss = "", hit = ""] = await text(2);
      const time = String.raw`\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]`;
      const start = String.raw`^127\.0\.0\.0 - - ${time} "GET /a HTTP/1\.1" 200 5 `;
      assert.match(miss, new RegExp(String.raw`${start}"-" "a\\x22b\\x5Cc"$`));
      assert.match(hit, new RegExp(String.raw`${start}"http://r/" "a\\x22b\\x5Cc"$`));
    });

    it("says only what it is told to, of whom it is told to", async (t) => {
      const access: Partial<AccessLogConfig> = {
        fields: ["status", "client"],
        sample: { "2xx": 0 },
        anonymise: false,
      };
      const { edge, lines } = await loggingEdge(t, access, { fastLane });
      for (const path of ["/a", "/a", "/missing"]) await edge.get(path);
      const [line = {}, ...others] = await lines(1);
      assert.deepEqual(others, []);
      assert.deepEqual(Object.keys(line), ["time", "status", "client"]);
      assert.deepEqual([line["status"], line["client"]], [404, "127.0.0.1"]);
    });
  });
}

describe("the access log", () => {
  it("stays one line a request whatever a client sends", async (t) => {
    const { edge, lines } = await loggingEdge(t);
    const target = '/%0a{"status":200}"\\';
    const agent = 'x"}\u00ff\u009b31m';
    const socket = connect(edge.at.port, edge.at.host);
    t.after(() => socket.destroy());
    const request = `GET ${target} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: ${agent}\r\n\r\n`;
    socket.write(Buffer.from(request, "latin1"));
    const [line = {}, ...others] = await lines(1);
    assert.deepEqual(others, []);
    assert.deepEqual([line["target"], line["user_agent"]], [target, agent]);
  });

  it("says of a client that leaves that it did", async (t) => {
    const to = join(tempDir(t), "access.log");
    const origin = await startOrigin(t, (_, response) => {
      response.writeHead(200, { "content-length": "1000000" });
      response.write("x");
    });
    const access = { to, format: "json", sample: 1, anonymise: true } as const;
    const edge = await startTestEdge(t, { origins: [origin.url], access });
    const socket = connect(edge.at.port, edge.at.host);
    socket.write("GET /endless HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    socket.once("data", () => socket.destroy());
    const line = await eventually("the line", () => JSON.parse(readFileSync(to, "utf8")) as Line);
    assert.deepEqual([line["aborted"], line["client"]], [true, "127.0.0.0"]);
  });

  it("goes on in a new file after a reload, and has all lines after a stop", async (t) => {
    const { edge, to, lines } = await loggingEdge(t);
    await edge.get("/a");
    await lines(1);
    renameSync(to, `${to}.1`);
    await edge.daemon.reload?.();
    await edge.get("/a");
    assert.equal(await edge.metric('meridian_edge_access_log_lines_total{result="written"'), 1);
    await edge.daemon.stop(10_000);
    const written = [`${to}.1`, to].map((file) => readFileSync(file, "utf8"));
    assert.deepEqual(
      written.map((text) => (JSON.parse(text) as Line)["cache"]),
      ["miss", "hit"],
    );
  });
});
