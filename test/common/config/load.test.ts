import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { loadConfig, parseConfig } from "../../../common/config/load.ts";
import type { Config } from "../../../common/config/schema.ts";
import { formatProblem } from "../../../common/file-problem.ts";
import { tempDir } from "../../support/temp-dir.ts";

const MINIMAL = `cdn:
  domain: kingcdn.test
  nameservers: [{ name: ns1.kingcdn.test, address: 127.0.0.1 }]
pops:
  - { name: syd, location: [-33.87, 151.21], edges: [{ name: syd-1, address: 127.0.10.1 }] }
`;

function problemsOf(text: string): string[] {
  const result = parseConfig(text, "cdn.yaml");
  return result.ok ? [] : result.error.map(formatProblem);
}

function mustLoad(text: string): Config {
  const result = parseConfig(text, "cdn.yaml");
  assert.ok(result.ok, result.ok ? "" : result.error.map(formatProblem).join("\n"));
  return result.value;
}

describe("a configuration", () => {
  it("says from where PURGE is accepted, as bytes and lengths", () => {
    assert.equal(mustLoad(MINIMAL).edge.purgeFrom, undefined);
    const { purgeFrom } = mustLoad(`${MINIMAL}edge: { purgeFrom: [10.0.0.0/8] }\n`).edge;
    assert.deepEqual(purgeFrom, [{ bytes: Uint8Array.of(10, 0, 0, 0), length: 8 }]);
    assert.match(
      problemsOf(`${MINIMAL}edge: { purgeFrom: [10.0.0.0/99] }\n`)[0] ?? "",
      /purgeFrom/,
    );
  });

  it("that says only what must be said gets every default", () => {
    const config = mustLoad(MINIMAL);
    assert.equal(config.cdn.ttl, 20_000);
    assert.equal(config.cdn.answers, 4);
    const check = { kind: "http" };
    assert.deepEqual(config.health, { interval: 500, timeout: 1_000, rise: 2, fall: 3, check });
    assert.deepEqual(config.router.listen, [{ host: "127.0.0.1", port: 5300 }]);
    assert.deepEqual(config.control.listen, { host: "127.0.0.1", port: 9090 });
    assert.equal(config.redis, undefined);
    assert.deepEqual(config.sites, []);
    const edge = config.pops[0]?.edges[0];
    assert.equal(edge?.port, 8080);
    assert.equal(edge?.capacity, 1e9);
    assert.equal(edge?.memory, 256 * 2 ** 20);
  });

  it("refuses what would do nothing in a health check", () => {
    const problems = (check: string) => problemsOf(`${MINIMAL}health: { check: ${check} }\n`);
    assert.deepEqual(
      problems("{ kind: https, host: WWW.cdn.test, expect: [200, 3xx], ca: f }"),
      [],
    );
    assert.deepEqual(problems("{ kind: tcp, path: /, body: ok }"), [
      "cdn.yaml:6:31: health.check.path: says nothing where kind is tcp",
      "cdn.yaml:6:40: health.check.body: says nothing where kind is tcp",
    ]);
    assert.deepEqual(problems("{ verify: false }"), [
      "cdn.yaml:6:20: health.check.verify: says nothing where kind is not https",
    ]);
    assert.deepEqual(problems("{ kind: https, verify: false, ca: f }"), [
      "cdn.yaml:6:48: health.check.ca: says nothing where verify is false",
    ]);
    assert.match(problems("{ expect: [2x] }")[0] ?? "", /expect\[0\]: is no status .* no class/);
    assert.match(problems("{ expect: [99] }")[0] ?? "", /expect\[0\]: /);
    assert.match(problems('{ path: "/with space" }')[0] ?? "", /path: must be a path/);
  });

  it("gives units as numbers and names in lower case without the final dot", () => {
    const config = mustLoad(`${MINIMAL}
sites:
  - name: netcinema
    hosts: [Video.NetCinema.test.]
    origin: { urls: ["http://127.0.0.1:9000/"], connectTimeout: 250ms }
    rules: [{ match: /live/*, ttl: 2s }, { match: /private/*, cache: false }]
`);
    const site = config.sites[0];
    assert.deepEqual(site?.hosts, ["video.netcinema.test"]);
    assert.deepEqual(site?.origin.urls, ["http://127.0.0.1:9000"]);
    assert.equal(site?.origin.connectTimeout, 250);
    assert.equal(site?.origin.firstByteTimeout, 10_000);
    assert.deepEqual(site?.rules, [
      { match: "/live/*", ttl: 2_000, cache: true },
      { match: "/private/*", cache: false },
    ]);
  });

  it("is read from a file; a missing one is a problem, not an exception", (t) => {
    const file = join(tempDir(t), "cdn.yaml");
    const missing = loadConfig(file);
    const problem = { file, line: 1, column: 1, message: "no such file" };
    assert.deepEqual(missing, { ok: false, error: [problem] });
    writeFileSync(file, MINIMAL);
    assert.equal(loadConfig(file).ok, true);
  });
});

describe("configuration errors", () => {
  const site = (body: string) => `${MINIMAL}sites:\n  - ${body}\n`;
  /** `|` marks the place of the problem and is taken out before the text is parsed. */
  const cases: readonly (readonly [title: string, marked: string, message: string])[] = [
    ["an unknown key stands at the key", `${MINIMAL}|colour: blue\n`, "colour: unknown key"],
    [
      "an unknown key far inside stands at the key",
      MINIMAL.replace("127.0.10.1 }", "127.0.10.1, |hight: 3 }"),
      "pops[0].edges[0].hight: unknown key",
    ],
    [
      "a missing value stands at what it is missing from",
      MINIMAL.replace("  domain: kingcdn.test\n", "").replace("nameservers", "|nameservers"),
      "cdn.domain: is required (string)",
    ],
    [
      "a missing section stands at the start of the file",
      `|${MINIMAL.split("pops:")[0]}`,
      "pops: is required (array)",
    ],
    [
      "a duration without a unit",
      MINIMAL.replace("kingcdn.test\n", "kingcdn.test\n  |ttl: '20'\n"),
      'cdn.ttl: "20" is not a duration (like 20s, 250ms, 5m, 1h, 7d)',
    ],
    [
      "a number where text belongs",
      MINIMAL.replace("kingcdn.test\n", "kingcdn.test\n  |ttl: 20\n"),
      "cdn.ttl: Invalid input: expected string, received number",
    ],
    [
      "a latitude off the globe",
      MINIMAL.replace("-33.87", "|-93.87"),
      "pops[0].location[0]: Too small: expected number to be >=-90",
    ],
    [
      "an address that is none",
      MINIMAL.replace("address: 127.0.10.1", "|address: 127.0.10.256"),
      'pops[0].edges[0].address: "127.0.10.256" is not an IP address',
    ],
    [
      "two PoPs of one name",
      `${MINIMAL}  - { |name: syd, location: [0, 0], edges: [{ name: b, address: 127.0.10.2 }] }\n`,
      'pops[1].name: the PoP "syd" is there already',
    ],
    [
      "two edges of one name in different PoPs",
      `${MINIMAL}  - { name: fra, location: [0, 0], edges: [{ |name: syd-1, address: 127.0.10.2 }] }\n`,
      'pops[1].edges[0].name: the edge "syd-1" is there already',
    ],
    [
      "a second address of the same family",
      MINIMAL.replace("127.0.10.1 }", "127.0.10.1, |address2: 127.0.10.2 }"),
      "pops[0].edges[0].address2: must be of the other address family than address",
    ],
    [
      "a host that is the name of another site",
      `${site("{ name: a, origin: { urls: ['http://127.0.0.1:1'] } }")}  - { name: b, hosts: [|a.kingcdn.test], origin: { urls: ['http://127.0.0.1:1'] } }\n`,
      'sites[1].hosts[0]: the host "a.kingcdn.test" is there already',
    ],
    [
      "a site that is called like a name server",
      site("{ |name: ns1, origin: { urls: ['http://127.0.0.1:1'] } }"),
      "sites[0].name: ns1.kingcdn.test belongs to a name server",
    ],
    [
      "a site that is called like the place of the edges' names",
      site("{ |name: edge, origin: { urls: ['http://127.0.0.1:1'] } }"),
      "sites[0].name: edge.kingcdn.test belongs to the edges' own names",
    ],
    [
      "a PoP deep in an AS without a database of their networks",
      MINIMAL.replace("name: syd,", "name: syd, deep: { |asn: [7575] },"),
      "pops[0].deep.asn: needs an ASN database: set geoip.asn",
    ],
    [
      "an origin URL with a path",
      site("{ name: a, origin: { urls: [|'http://127.0.0.1:1/x'] } }"),
      'sites[0].origin.urls[0]: "http://127.0.0.1:1/x" is not an origin URL (like http://10.0.0.5:8000, without a path)',
    ],
    [
      "a rule that does not start with a slash",
      site("{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, rules: [{ |match: live }] }"),
      "sites[0].rules[0].match: must start with /",
    ],
    [
      "a rule that an earlier one hides",
      site(
        "{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, rules: [{ match: /a/* }, { |match: { path: /a/b, cookie: { s: true } } }] }",
      ),
      "sites[0].rules[1].match: can never match: rules[0] before it matches all that it could",
    ],
    [
      "a rule for a host that the site does not have",
      site(
        "{ name: a, hosts: [a.test], origin: { urls: ['http://127.0.0.1:1'] }, rules: [{ match: { |host: [a.test, b.test] } }] }",
      ),
      'sites[0].rules[0].match.host: "b.test" is not a host of the site: a.test, a.kingcdn.test',
    ],
    [
      "a rule with an empty list",
      site(
        "{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, rules: [{ match: { |method: [] } }] }",
      ),
      "sites[0].rules[0].match.method: is an empty list: nothing could match",
    ],
    [
      "a rule that asks of a field what has its own key",
      site(
        "{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, rules: [{ match: { header: { |Cookie: true } } }] }",
      ),
      'sites[0].rules[0].match.header.Cookie: "Cookie" use `cookie` for that',
    ],
    [
      "a key that shares what is stored among hosts that are not there",
      site("{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, key: { |host: false } }"),
      "sites[0].key.host: needs a host of the site's own, for which the origin is asked: set `hosts`",
    ],
    [
      "a key where nothing is stored",
      site(
        "{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, rules: [{ match: /a, cache: false, |key: { query: none } }] }",
      ),
      "sites[0].rules[0].key: has no meaning where `cache` is false: leave one of them out",
    ],
    [
      "a key by a field that names one client",
      site(
        "{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, key: { headers: { |Authorization: true } } }",
      ),
      'sites[0].key.headers.Authorization: "Authorization" names one client: what it is answered is not shared',
    ],
    [
      "a key that both ignores and picks parameters",
      site(
        "{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, key: { |query: { ignore: [a], pick: [b] } } }",
      ),
      "sites[0].key.query: give either `ignore` or `pick`",
    ],
    [
      "a key whose query is of no known form",
      site("{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, key: { |query: some } }"),
      'sites[0].key.query: must be "all" or "none" or a section',
    ],
    [
      "an unknown condition of a rule",
      site(
        "{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, rules: [{ match: { |color: red } }] }",
      ),
      "sites[0].rules[0].match.color: unknown key",
    ],
    [
      "a rule whose match is of no known form",
      site("{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, rules: [{ |match: 7 }] }"),
      "sites[0].rules[0].match: must be text or a section",
    ],
    [
      "a media type that is none",
      site("{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, compress: { types: [|html] } }"),
      "sites[0].compress.types[0]: must be a media type such as text/html, text/* or *+json",
    ],
    [
      "a coding twice",
      site(
        "{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, compress: { |codings: [br, br] } }",
      ),
      "sites[0].compress.codings: names a coding twice",
    ],
    [
      "no coding at all",
      site("{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, compress: { |codings: [] } }"),
      "sites[0].compress.codings: needs at least one coding; to encode nothing, leave `compress` out",
    ],
    [
      "sizes the wrong way round",
      site(
        "{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, compress: { |min: 2MiB, max: 1MiB } }",
      ),
      "sites[0].compress.min: must not be above `max`",
    ],
    [
      "bodies larger than any that is encoded",
      site("{ name: a, origin: { urls: ['http://127.0.0.1:1'] }, compress: { |max: 65MiB } }"),
      "sites[0].compress.max: must not be above 64MiB",
    ],
    [
      "a name that is no DNS label",
      MINIMAL.replace("name: syd,", "|name: Syd_1,"),
      "pops[0].name: must be a DNS label: lower-case letters, digits and inner hyphens, at most 63",
    ],
    [
      "a key of a transfer that is nowhere",
      `${MINIMAL}zones: [{ file: a.zone, transfer: { keys: [|k] } }]\n`,
      'zones[0].transfer.keys[0]: there is no key "k" under tsig',
    ],
    [
      "a transfer to nobody",
      `${MINIMAL}zones: [{ file: a.zone, |transfer: {} }]\n`,
      "zones[0].transfer: lets nobody have the zone: give to or keys",
    ],
    [
      "a zone of primaries without its name",
      `${MINIMAL}zones: [|{ file: a.zone, primaries: ["192.0.2.1:53"] }]\n`,
      "zones[0]: a zone with primaries needs its name",
    ],
    [
      "a name for a zone file",
      `${MINIMAL}zones: [{ file: a.zone, |name: a.test }]\n`,
      "zones[0].name: is for zones with primaries; a zone file says its name itself",
    ],
    [
      "names of more addresses than anybody has",
      MINIMAL.replace("pops:", "  reverse: [10.0.0.0/8, |8.0.0.0/7]\npops:"),
      "cdn.reverse[1]: must be /8 or longer",
    ],
    [
      "names of the same addresses twice",
      MINIMAL.replace("pops:", "  reverse: [192.0.2.0/24, |192.0.2.128/25]\npops:"),
      "cdn.reverse[1]: shares addresses with 192.0.2.0/24",
    ],
    [
      "an HTTPS record without a protocol",
      MINIMAL.replace("pops:", "  https: { |alpn: [] }\npops:"),
      "cdn.https.alpn: needs at least one protocol",
    ],
    [
      "a key without a secret",
      `${MINIMAL}tsig: [|{ name: k }]\n`,
      "tsig[0]: needs one of `secret` and `secretFile`",
    ],
    ["a key twice", `${MINIMAL}redis: redis://a\n|redis: redis://b\n`, "Map keys must be unique"],
  ];
  for (const [title, marked, message] of cases) {
    it(title, () => {
      const before = marked.slice(0, marked.indexOf("|")).split("\n");
      const place = `cdn.yaml:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
      assert.deepEqual(problemsOf(marked.replace("|", "")), [`${place}: ${message}`]);
    });
  }

  it("in YAML itself have their place too", () => {
    const [first, ...others] = problemsOf("cdn:\n  domain: [kingcdn.test\npops: 1\n");
    assert.match(first ?? "", /^cdn\.yaml:[23]:\d+: /);
    assert.doesNotMatch([first, ...others].join("\n"), /at line/);
  });

  it("come all at once", () => {
    const text = `cdn:
  domain: nodots
  ttl: soon
  nameservers: []
  colour: blue
pops:
  - { name: syd, location: [0], edges: [] }
redis: http://127.0.0.1
`;
    const lines = problemsOf(text);
    for (const path of [
      "cdn.domain",
      "cdn.ttl",
      "cdn.nameservers",
      "cdn.colour",
      "pops[0].location",
      "pops[0].edges",
      "redis",
    ]) {
      assert.ok(
        lines.some((line) => line.includes(`: ${path}`)),
        `${path} is not among\n${lines.join("\n")}`,
      );
    }
    assert.deepEqual(
      lines.filter((line) => /^cdn\.yaml:[1-8]:\d+: /.test(line)),
      lines,
    );
  });

  it("of files that are empty or no map are values", () => {
    for (const text of ["", "# nothing\n", "just text", "- a\n- b\n", "null", "42"]) {
      assert.ok(problemsOf(text).length > 0, JSON.stringify(text));
    }
  });

  it("stop a few lines from becoming a memory full", () => {
    const letters = "abcdefghij".split("");
    const lines = letters.map((name, i) => {
      const below = letters[i - 1] === undefined ? "1" : `*${letters[i - 1]}`;
      return `${name}: &${name} [${Array.from({ length: 10 }, () => below).join(",")}]`;
    });
    assert.match(problemsOf(lines.join("\n")).join("\n"), /cdn\.yaml:1:1: Excessive alias count/);
  });

  it("never become exceptions, whatever the text", () => {
    const piece = fc.constantFrom(
      ..."cdn: |pops: |- |[|]|{|}|\n|  |name: |syd|, |&a |*a |!!js |? |'|\"|#|ttl: 1s|0|~".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const result = parseConfig(pieces.join(""), "x.yaml");
        if (!result.ok) {
          for (const { line, column } of result.error) assert.ok(line >= 1 && column >= 1);
        }
      }),
      { numRuns: 500 },
    );
  });
});
