import assert from "node:assert/strict";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { QueryLogConfig } from "../../../common/config/access-log.ts";
import { dig } from "../../support/dig.ts";
import { eventually } from "../../support/eventually.ts";
import type { Scope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { edgeConfig, FIVE, serviceConfig, startTestRouter } from "../support.ts";

type Line = Readonly<Record<string, unknown>>;

const POPS = [
  {
    name: "syd",
    location: [...FIVE.syd] as [number, number],
    edges: [edgeConfig("syd-1", "127.0.0.1")],
  },
];

async function loggingRouter(
  scope: Scope,
  queries: Partial<QueryLogConfig> = {},
  udp: "native" | "dgram" = "dgram",
) {
  const to = join(tempDir(scope), "queries.log");
  const { dns, router } = await startTestRouter(scope, {
    pops: POPS,
    probe: { kind: "none" },
    service: serviceConfig({ udp }),
    queries: { to, sample: 1, anonymise: true, ...queries },
  });
  const question = { server: dns.host, port: dns.port, name: "netcinema.kingcdn.test" };
  return {
    router,
    to,
    ask: (options: Partial<Parameters<typeof dig>[0]> = {}) => dig({ ...question, ...options }),
    lines: (count: number) =>
      eventually(`${count} lines`, () => {
        const lines = readFileSync(to, "utf8").split("\n").slice(0, -1);
        assert.ok(lines.length >= count, `there are ${lines.length}`);
        return lines.map((line): Line => JSON.parse(line) as Line);
      }),
  };
}

describe("the query log", () => {
  for (const udp of ["dgram", "native"] as const) {
    it(`says of each query what it was and got, learnt or not (${udp})`, async (t) => {
      const { ask, lines } = await loggingRouter(t, {}, udp);
      // The third of them is answered from what was learnt of those before.
      const subnet = "129.94.7.0/28";
      const asked = 4;
      for (let i = 0; i < asked; i += 1) await ask({ subnet });
      await ask({ name: 'no"such.kingcdn.test', options: ["+tcp"] });
      await ask({ name: "example.com", type: "MX" });
      const seen = await lines(asked + 2);
      for (const line of seen.slice(0, asked)) {
        const { time, duration, bytes, ...rest } = line;
        assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
        assert.ok(Number(duration) >= 0 && Number(bytes) > 40);
        assert.deepEqual(rest, {
          router: "router",
          client: "127.0.0.0",
          subnet: "129.94.7.0/24",
          transport: "udp",
          name: "netcinema.kingcdn.test.",
          type: "A",
          rcode: "NOERROR",
          site: "netcinema",
          pop: "syd",
          reason: "closest",
        });
      }
      const others = seen
        .slice(asked)
        .map(({ name, type, rcode, transport }) => [name, type, rcode, transport].join(" "));
      assert.deepEqual(others, [
        String.raw`no\"such.kingcdn.test. A NXDOMAIN tcp`,
        "example.com. MX REFUSED udp",
      ]);
    });
  }

  it("says only what it is told to, and addresses whole if it is told to", async (t) => {
    const { ask, lines } = await loggingRouter(t, {
      fields: ["client", "subnet"],
      anonymise: false,
    });
    await ask({ subnet: "129.94.7.16/28" });
    const [line = {}] = await lines(1);
    assert.deepEqual(Object.keys(line), ["time", "client", "subnet"]);
    assert.deepEqual([line["client"], line["subnet"]], ["127.0.0.1", "129.94.7.16/28"]);
  });

  it("goes on in a new file after a reload, and has all lines after a stop", async (t) => {
    const { ask, router, to, lines } = await loggingRouter(t, { fields: ["type"] });
    await ask();
    await lines(1);
    renameSync(to, `${to}.1`);
    await router.reload?.();
    await eventually("the new file", () => readFileSync(to, "utf8"));
    await ask({ type: "AAAA" });
    await router.stop(10_000);
    const types = [`${to}.1`, to].map(
      (file) => (JSON.parse(readFileSync(file, "utf8")) as Line)["type"],
    );
    assert.deepEqual(types, ["A", "AAAA"]);
  });
});
