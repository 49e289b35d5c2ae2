import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SocketAddress } from "../../../common/address.ts";
import type { Clock } from "../../../common/clock.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import type { LoadPlan } from "../../../state/records.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { fetchAt } from "../../support/http.ts";
import type { Scope } from "../../support/scope.ts";
import { edgeConfig, fivePops, loadConfig, siteConfig, startTestRouter } from "../support.ts";

/** Sydney keeps 40 % and gives the rest to Tokyo and Frankfurt. */
const PLAN: LoadPlan = {
  step: 7,
  change: 5,
  by: "another",
  at: 1_000,
  pops: [
    {
      pop: "syd",
      load: 0.8,
      demand: 2,
      sheds: [
        { pop: "nrt", fraction: 0.45 },
        { pop: "fra", fraction: 0.15 },
      ],
      edges: [{ edge: "syd-1", load: 0.8, keeps: 1 }],
    },
  ],
};

interface Explained {
  readonly answer: { readonly records: readonly { readonly data: string }[] };
  readonly decision: {
    readonly chosen: { readonly pop: string; readonly reason: string };
    readonly load: {
      readonly status: string;
      readonly home?: string;
      readonly keeps?: number;
      readonly client?: number;
      readonly gives?: readonly { readonly pop: string; readonly fraction: number }[];
    };
    readonly ranking: readonly {
      readonly pop: string;
      readonly note: string;
      readonly edges: readonly {
        readonly addresses: readonly string[];
        readonly health: string;
        readonly votes: readonly { readonly vantage: string; readonly sees: string }[];
      }[];
    }[];
  };
}

const MASK = 0xffffffffn;

/** MurmurHash3's finalizer, written once more, in whole numbers of any size. */
function mixed(hash: bigint): bigint {
  let value = hash & MASK;
  value = ((value ^ (value >> 16n)) * 0x85ebca6bn) & MASK;
  value = ((value ^ (value >> 13n)) * 0xc2b2ae35n) & MASK;
  return value ^ (value >> 16n);
}

/** FNV-1a, finished. */
function fnv(octets: readonly number[]): bigint {
  const hash = octets.reduce(
    (sum, octet) => ((sum ^ BigInt(octet)) * 0x01000193n) & MASK,
    0x811c9dc5n,
  );
  return mixed(hash);
}

const unitOf = (hash: bigint, name: string) =>
  (Number(mixed(hash ^ fnv([...Buffer.from(name)]))) + 0.5) / 2 ** 32;

/** Whom a client gets, from nothing but what the explanation says of PoPs and load. */
function recompute({ decision }: Explained, client: readonly number[]): string | undefined {
  const up = decision.ranking.filter(({ edges }) => edges.some(({ health }) => health !== "down"));
  const home = up[0]?.pop;
  const { keeps = 1, gives = [] } = decision.load;
  const hash = fnv(client.slice(0, 3));
  if (home === undefined || unitOf(hash, home) < keeps) return home;
  const costs = gives
    .filter(({ pop }) => up.some((one) => one.pop === pop))
    .map(({ pop, fraction }) => ({ pop, cost: -Math.log(unitOf(hash, pop)) / fraction }))
    .sort((a, b) => a.cost - b.cost);
  return costs[0]?.pop ?? home;
}

async function explain(admin: SocketAddress, client: readonly number[]): Promise<Explained> {
  const url = `http://admin/explain?name=netcinema.kingcdn.test&client=${client.join(".")}`;
  return JSON.parse((await fetchAt(url, { at: admin })).body.toString()) as Explained;
}

async function startPlanned(scope: Scope, clock?: Clock) {
  const state = openEmbeddedState({ file: ":memory:", ...(clock === undefined ? {} : { clock }) });
  await state.agreeOnLoad(PLAN, 600_000);
  const pops = fivePops({});
  for (const [index, pop] of pops.entries()) {
    pop.edges = [edgeConfig(`${pop.name}-1`, `127.0.20.${index + 1}`)];
  }
  const { admin } = await startTestRouter(scope, {
    pops,
    probe: { kind: "none" },
    state,
    sites: [siteConfig("netcinema")],
    load: loadConfig({ staleAfter: "60s" }),
    ...(clock === undefined ? {} : { clock }),
  });
  await eventually("the plan is known", async () => {
    assert.equal((await explain(admin, [129, 94, 0, 1])).decision.load.status, "known");
  });
  return { admin, state };
}

describe("explaining load", () => {
  test("an oracle comes to the same PoP for every client, from what is explained", async (t) => {
    const { admin, state } = await startPlanned(t);
    t.after(() => state.close());
    const reasons = new Set<string>();
    for (let network = 0; network < 60; network += 1) {
      const client = [129, 94, network % 256, 9];
      const elsewhere = network % 5 === 0 ? [141, network % 256, 7, 7] : client;
      const explained = await explain(admin, elsewhere);
      const { chosen, ranking, load } = explained.decision;
      assert.equal(chosen.pop, recompute(explained, elsewhere), elsewhere.join("."));
      reasons.add(chosen.reason);
      const answered = ranking.find(({ pop }) => pop === chosen.pop);
      assert.deepEqual(
        explained.answer.records.map(({ data }) => data),
        answered?.edges[0]?.addresses,
      );
      if (chosen.reason === "load") {
        assert.equal(load.home, "syd");
        assert.equal(ranking[0]?.note, "full: gives this client to another PoP");
        assert.match(answered?.note ?? "", /takes clients of a full PoP/);
      }
    }
    assert.deepEqual([...reasons].sort(), ["closest", "load"]);
  });

  test("it says what each router sees of each edge", async (t) => {
    const { admin, state } = await startPlanned(t);
    t.after(() => state.close());
    const edges = [{ edge: "syd-1", health: "up", sees: "down", since: 1, detail: "x" }] as const;
    const report = { router: "other", at: 1, version: 0, queriesPerSecond: 0, edges };
    await state.report(report, 600_000);
    await eventually("the vote is heard", async () => {
      const { ranking } = (await explain(admin, [129, 94, 0, 1])).decision;
      assert.deepEqual(ranking[0]?.edges[0]?.votes, [
        { vantage: "router", sees: "unknown" },
        { vantage: "other", sees: "down" },
      ]);
    });
  });

  test("without news of loads everybody gets the closest again, and that is said", async (t) => {
    const clock = new FakeClock();
    const { admin, state } = await startPlanned(t, clock);
    const given = await findGiven(admin);
    await state.close();
    await eventually(
      "the plan is stale",
      async () => {
        clock.advance(5_000);
        const { decision } = await explain(admin, given);
        assert.match(decision.load.status, /^stale/);
        assert.deepEqual([decision.chosen.pop, decision.chosen.reason], ["syd", "closest"]);
      },
      { withinMs: 60_000, everyMs: 20 },
    );
    assert.ok(clock.monotonic() >= 60_000);
    const { body } = await fetchAt("http://admin/metrics", { at: admin });
    assert.match(body.toString(), /^meridian_dns_load_stale(\{.*\})? 1$/m);
  });
});

/** A client near Sydney that is given away. */
async function findGiven(admin: SocketAddress): Promise<readonly number[]> {
  for (let network = 0; network < 50; network += 1) {
    const client = [129, 94, network, 9];
    if ((await explain(admin, client)).decision.chosen.reason === "load") return client;
  }
  return assert.fail("nobody is given away");
}
