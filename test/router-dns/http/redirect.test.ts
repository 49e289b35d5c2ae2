import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { parseConfig } from "../../../common/config/load.ts";
import { parseIp } from "../../../common/ip.ts";
import { buildView } from "../../../router-dns/data/snapshot.ts";
import { compileMap } from "../../../router-dns/geo/compile.ts";
import { noCoverage } from "../../../router-dns/geo/coverage.ts";
import { PlaceSet } from "../../../router-dns/geo/place-set.ts";
import type { EdgeHealth } from "../../../router-dns/health/board.ts";
import {
  decideRedirect,
  edgePorts,
  type Redirect,
  redirectHosts,
} from "../../../router-dns/http/redirect.ts";
import type { LoadPlan } from "../../../state/records.ts";
import { edgeConfig, siteConfig } from "../support.ts";

const EDGES = [1, 2, 3, 4, 5];
const POPS = [
  {
    name: "syd",
    location: [-33.87, 151.21] as [number, number],
    edges: EDGES.map((n) => edgeConfig(`syd-${n}`, `192.0.2.${n}`, n === 1 ? 80 : 8080)),
  },
  {
    name: "fra",
    location: [50.11, 8.68] as [number, number],
    edges: [edgeConfig("fra-1", "192.0.2.100")],
  },
];
const SITES = new Map(
  [
    { ...siteConfig("netcinema"), hosts: ["video.netcinema.test", "alt.netcinema.test"] },
    siteConfig("bare"),
    siteConfig("shy", "empty"),
    siteConfig("keen", "last-good"),
    siteConfig("spare", { backup: "other.example.net" }),
  ].map((site) => [site.name, site]),
);
/** Nobody knows where clients are: the order of the configuration decides, and Sydney is first. */
const MAP = compileMap({
  pops: POPS.map(({ name, location: [latitude, longitude] }) => ({
    name,
    place: { latitude, longitude },
  })),
  locations: { places: PlaceSet.of([]), v4: undefined, v6: undefined, sources: [] },
  coverage: noCoverage(),
});

interface World {
  readonly down?: readonly string[];
  readonly drained?: readonly string[];
  readonly keeps?: Readonly<Record<string, number>>;
}

function redirectOf(
  url: string,
  { down = [], drained = [], keeps = {} }: World = {},
  request: { readonly method?: string; readonly target?: string; readonly hosts?: string[] } = {},
): Redirect {
  const { host, pathname, search } = new URL(url);
  const client = parseIp("129.94.0.1");
  assert.ok(client.ok);
  const health = new Map<string, EdgeHealth>();
  for (const edge of POPS.flatMap(({ edges }) => edges)) {
    const { name } = edge;
    const probed = down.includes(name) ? "down" : "up";
    const since = name === "syd-1" ? 1_000_000 : 0;
    health.set(name, { probed, drained: drained.includes(name), since, detail: "" } as EdgeHealth);
  }
  const plan: LoadPlan = {
    step: 1,
    change: 1,
    by: "r1",
    at: 0,
    pops: POPS.map(({ name, edges }) => ({
      pop: name,
      load: 0.5,
      demand: 0.5,
      sheds: [],
      edges: edges.map(({ name: edge }) => ({ edge, load: 0.5, keeps: keeps[edge] ?? 1 })),
    })),
  };
  const view = buildView({
    map: MAP,
    pops: POPS,
    sites: SITES,
    health,
    ttlSeconds: 20,
    answersMax: 4,
    plan,
  });
  return decideRedirect(
    { method: "GET", hosts: [host], target: pathname + search, client: client.value, ...request },
    {
      domain: "kingcdn.test",
      hosts: redirectHosts(SITES.values(), "kingcdn.test"),
      ports: edgePorts(POPS),
      view,
    },
  );
}

function edgeOf(url: string, world: World = {}): string | undefined {
  const redirect = redirectOf(url, world);
  return redirect.kind === "redirect" ? redirect.edge : undefined;
}

const URLS = Array.from({ length: 4_000 }, (_, n) => `http://video.netcinema.test/v/${n}.m4s?q=1`);

function shares(world: World = {}): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const url of URLS) {
    const edge = edgeOf(url, world) ?? "none";
    counts[edge] = (counts[edge] ?? 0) + 1 / URLS.length;
  }
  return counts;
}

describe("which edge has a URL", () => {
  test("URLs are spread evenly over the edges of the PoP that DNS would choose", () => {
    const counts = shares();
    assert.deepEqual(Object.keys(counts).sort(), ["syd-1", "syd-2", "syd-3", "syd-4", "syd-5"]);
    for (const share of Object.values(counts)) assert.ok(Math.abs(share - 0.2) < 0.03, `${share}`);
  });

  test("an edge that leaves moves its own URLs only, and they come back", () => {
    for (const world of [{ down: ["syd-3"] }, { drained: ["syd-3"] }]) {
      let moved = 0;
      for (const url of URLS) {
        const before = edgeOf(url);
        const now = edgeOf(url, world);
        assert.notEqual(now, "syd-3");
        if (before === "syd-3") moved += 1;
        else assert.equal(now, before);
      }
      assert.ok(moved > URLS.length * 0.17, `${moved} moved`);
    }
  });

  test("an edge that keeps a half loses a half of its URLs, and nobody else loses any", () => {
    const keeps = { "syd-3": 0.5 };
    let lost = 0;
    for (const url of URLS) {
      const before = edgeOf(url);
      const now = edgeOf(url, { keeps });
      if (before === now) continue;
      assert.equal(before, "syd-3");
      lost += 1;
    }
    assert.ok(Math.abs(lost / URLS.length - 0.1) < 0.02, `${lost} lost`);
  });

  test("the query counts, the host of the client's choice does not change who is asked twice", () => {
    const edges = new Set(EDGES.map((n) => edgeOf(`http://bare.kingcdn.test/x?page=${n * 7}`)));
    assert.ok(edges.size > 1);
    assert.equal(
      edgeOf("http://video.netcinema.test/x"),
      edgeOf("http://netcinema.kingcdn.test/x"),
    );
  });

  test("a PoP that is gone: the next one", () => {
    const down = EDGES.map((n) => `syd-${n}`);
    const redirect = redirectOf("http://video.netcinema.test/x", { down });
    assert.ok(redirect.kind === "redirect");
    assert.deepEqual([redirect.edge, redirect.reason], ["fra-1", "failover"]);
  });
});

describe("nothing is up", () => {
  const down = [...EDGES.map((n) => `syd-${n}`), "fra-1"];

  test("serve-all: the best PoP's edges, each its URLs, but none that is drained", () => {
    const before = shares({ drained: ["syd-2"] });
    const counts = shares({ down, drained: ["syd-2"] });
    assert.deepEqual(counts, before);
    const redirect = redirectOf("http://video.netcinema.test/x", { down });
    assert.equal(redirect.kind === "redirect" && redirect.reason, "all-down");
    assert.equal(redirectOf("http://bare.kingcdn.test/", { drained: down }).kind, "refused");
  });

  test("last-good: the one that went down last", () => {
    for (let n = 0; n < 20; n += 1) {
      assert.equal(edgeOf(`http://keen.kingcdn.test/${n}`, { down }), "syd-1");
    }
  });

  test("empty: refused; a backup: the host elsewhere", () => {
    assert.deepEqual(redirectOf("http://shy.kingcdn.test/", { down }), {
      kind: "refused",
      reason: "nobody-up",
    });
    assert.deepEqual(redirectOf("http://spare.kingcdn.test/a?b", { down }), {
      kind: "redirect",
      location: "http://other.example.net/a?b",
      site: "spare",
      client: "129.94.0.1",
      pop: undefined,
      edge: undefined,
      reason: "all-down",
    });
  });
});

describe("what is answered", () => {
  const location = (hosts: string[], target: string) => {
    const down = ["syd-2", "syd-3", "syd-4", "syd-5"];
    const redirect = redirectOf("http://x.test/", { down }, { hosts, target });
    return redirect.kind === "redirect" ? redirect.location : redirect.reason;
  };

  test("RFC 9112 3.2: the target as it came, under a name of the edge for the host", () => {
    const edge = "syd-1.edge.kingcdn.test";
    for (const [host, target, expected] of [
      ["video.netcinema.test", "/a/../b%2f?c=d&&e", `http://netcinema.${edge}/a/../b%2f?c=d&&e`],
      ["VIDEO.netcinema.test.:8080", "/", `http://netcinema.${edge}/`],
      ["netcinema.kingcdn.test", "/", `http://netcinema.${edge}/`],
      ["bare.kingcdn.test", "/?", `http://bare.${edge}/?`],
      ["unknown.test", "http://bare.kingcdn.test?x", `http://bare.${edge}/?x`],
      ["bare.kingcdn.test", '/\u00fc "x"', `http://bare.${edge}/%FC%20"x"`],
      ["bare.kingcdn.test", "/a\r\nSet-Cookie: x", `http://bare.${edge}/a%0D%0ASet-Cookie:%20x`],
    ] as const) {
      assert.equal(location([host], target), expected);
    }
    assert.match(
      location(["alt.netcinema.test"], "/"),
      /^http:\/\/host-[0-9a-f]{16}\.syd-1\.edge\.kingcdn\.test\/$/,
      "a further host may have content of its own",
    );
  });

  test("an edge at another port is named with it", () => {
    const down = ["syd-1", "syd-3", "syd-4", "syd-5"];
    const redirect = redirectOf("http://bare.kingcdn.test/", { down });
    assert.ok(redirect.kind === "redirect");
    assert.equal(redirect.location, "http://bare.syd-2.edge.kingcdn.test:8080/");
  });

  test("what is no request for a path of a host of ours is refused", () => {
    for (const [hosts, target, reason] of [
      [[], "/", "bad-request"],
      [["bare.kingcdn.test", "bare.kingcdn.test"], "/", "bad-request"],
      [["bare.kingcdn.test"], "*", "bad-request"],
      [["bare.kingcdn.test"], "/a#b", "bad-request"],
      [["bare.kingcdn.test"], "https://bare.kingcdn.test/", "bad-request"],
      [["a b"], "/", "bad-request"],
      [["192.0.2.1"], "/", "unknown-host"],
      [["kingcdn.test"], "/", "unknown-host"],
      [["bare.syd-1.edge.kingcdn.test"], "/", "unknown-host"],
      [["bare.kingcdn.test"], `/${"a".repeat(8_192)}`, "too-long"],
    ] as const) {
      assert.equal(location([...hosts], target), reason, target.slice(0, 40));
    }
    const post = redirectOf("http://bare.kingcdn.test/", {}, { method: "POST" });
    assert.deepEqual(post, { kind: "refused", reason: "method" });
  });

  test("no target makes a Location that leaves the CDN or breaks a field", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.nat(255).map((c) => String.fromCharCode(c)) }), (text) => {
        const told = location(["bare.kingcdn.test"], text);
        if (told === "bad-request" || told === "unknown-host") return;
        assert.match(told, /^http:\/\/bare\.syd-1\.edge\.kingcdn\.test\/[\x21-\x7e]*$/);
      }),
    );
  });
});

describe("a configuration with redirects", () => {
  const config = (domain: string, site = "netcinema") => `
cdn: { domain: ${domain}, nameservers: [{ name: ns1.example.net, address: 192.0.2.1 }] }
router: { http: { listen: ["127.0.0.1:8000"], trust: [10.0.0.0/8], clientField: Forwarded } }
pops: [{ name: syd, location: [0, 0], edges: [{ name: syd-1, address: 192.0.2.1 }] }]
sites: [{ name: ${site}, origin: { urls: ["http://127.0.0.1:9"] } }]
`;

  test("is read; a domain without room for names below edges is refused, and a site like a host", () => {
    const parsed = parseConfig(config("kingcdn.test"), "f.yaml");
    assert.ok(parsed.ok);
    assert.equal(parsed.value.router.http?.clientField, "Forwarded");
    const long = `${"a".repeat(60)}.${"b".repeat(60)}.test`;
    const refused = parseConfig(config(long), "f.yaml");
    assert.match(refused.ok ? "" : (refused.error[0]?.message ?? ""), /^router.http: .*120 char/);
    const like = parseConfig(config("kingcdn.test", "host-0123456789abcdef"), "f.yaml");
    assert.match(like.ok ? "" : (like.error[0]?.message ?? ""), /belongs to hosts that clients/);
  });
});
