import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { suite, test } from "node:test";
import { siteSchema } from "../../../../common/config/site.ts";
import { exchangeRaw, parseResponseHead } from "../../../support/http.ts";
import { REPOSITORY } from "../../../support/process.ts";
import type { Scope } from "../../../support/scope.ts";
import { startOrigin, startTestEdge } from "../../harness.ts";
import { type Attack, CLASSES, get } from "./classes.ts";

/** From here on this origin finds a head too large, or far too large. */
const BIG_HEAD_BYTES = 4_000;
const HUGE_HEAD_BYTES = 6_000;

/** What an origin believes that has not been told otherwise. */
const BELIEVED = [
  "host",
  "forwarded",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
  "x-forwarded-scheme",
  "x-original-url",
  "x-rewrite-url",
];

const { rules: RULES } = siteSchema.parse({
  name: "shop",
  origin: { urls: ["http://127.0.0.1:9000"] },
  rules: [
    { match: "/account", cache: false },
    { match: "/account/*", cache: false },
    { match: "/moved/*", redirect: { to: "http://shop.example/new/$1" } },
    { match: "/*.css", ttl: "1d" },
  ],
});

/** The most gullible origin: it undoes escapes twice and stops at every delimiter. */
function pathTaken(url: string): string {
  const undo = (text: string) =>
    text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  const [path = ""] = undo(undo(url)).split(/[;?#\0\n]/);
  return new URL(path.replaceAll(/[/\\]+/g, "/"), "http://origin").pathname;
}

/** Shows what it believes, lets errors be stored, and has pages that differ by cookie. */
function gullible(request: IncomingMessage, response: ServerResponse): void {
  const { method, url = "", headers } = request;
  let body = "";
  request.setEncoding("latin1").on("data", (text: string) => {
    body += text;
  });
  request.on("end", () => {
    if (pathTaken(url).startsWith("/account")) {
      response.end(`account of ${headers.cookie ?? "nobody"}`);
      return;
    }
    const override = Object.keys(headers).some((name) => /method/.test(name));
    const headBytes = JSON.stringify(request.rawHeaders).length;
    response.statusCode = override ? 405 : 200;
    if (headBytes > BIG_HEAD_BYTES) response.statusCode = 400;
    if (headBytes > HUGE_HEAD_BYTES) response.statusCode = 431;
    response.setHeader("cache-control", "max-age=600");
    const believed = Object.entries(headers).filter(([name]) =>
      BELIEVED.includes(name.replaceAll("_", "-")),
    );
    response.end(JSON.stringify({ method, url, believed: shown(believed), body }));
  });
}

/** Without the addresses, which are those of whoever asks. */
function shown(fields: readonly (readonly [string, unknown])[]): string {
  return JSON.stringify(fields).replaceAll(/for=[^;,"]*[;,]? ?/g, "");
}

async function startShop(scope: Scope, fastLane: boolean) {
  const origin = await startOrigin(scope, gullible);
  const edge = await startTestEdge(scope, {
    origins: [origin.url],
    site: { rules: RULES },
    fastLane,
  });
  return { origin, edge };
}

async function check(scope: Scope, attack: Attack, fastLane: boolean): Promise<void> {
  const { victim = "/page", origin: reached = [], shared, mayBeLost } = attack;
  const { origin, edge } = await startShop(scope, fastLane);
  const text = (await exchangeRaw(edge.at, Buffer.from(attack.bytes, "latin1"))).toString("latin1");
  const answers = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  assert.deepEqual(answers, attack.answers, text);
  assert.doesNotMatch(text, /^x-evil/im);
  const isLost = mayBeLost === true && origin.seen.length === 0;
  const expected = isLost ? [] : [...reached];
  assert.deepEqual(origin.seen, expected);

  const others = parseResponseHead(await exchangeRaw(edge.at, get(victim)));
  const clean = await startShop(scope, fastLane);
  const right = parseResponseHead(await exchangeRaw(clean.edge.at, get(victim)));
  assert.equal(others.status, 200);
  assert.equal(others.rest.toString(), right.rest.toString());
  assert.doesNotMatch(others.rest.toString(), /evil|alice/);
  if (shared !== true) expected.push(`GET ${victim}`);
  assert.deepEqual(origin.seen, expected);
}

test("docs/conformance.md has a row for each class", () => {
  const page = readFileSync(join(REPOSITORY, "docs", "conformance.md"), "utf8");
  for (const { title, source, defence, attacks } of CLASSES) {
    const row = `| ${title} | ${attacks.length} | ${source} | ${defence} |`;
    assert.ok(page.includes(row), `docs/conformance.md should have the row\n${row}`);
  }
});

for (const fastLane of [true, false]) {
  suite(`threat: known classes, ${fastLane ? "with the fast lane" : "by node:http alone"}`, () => {
    for (const { title, attacks } of CLASSES) {
      for (const attack of attacks) {
        test(`${title}: ${attack.name}`, (t) => check(t, attack, fastLane));
      }
    }
  });
}
