import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { parse } from "yaml";
import { redirectTarget } from "../../../common/config/location.ts";
import { ruleSchema } from "../../../common/config/rule.ts";
import { type Site, siteSchema } from "../../../common/config/site.ts";
import { formatDurationMs } from "../../../common/units.ts";
import { lifetimeMs } from "../../../edge/decide/rule-fields.ts";
import { deriveRequest, placeOf } from "../../../edge/key/derive.ts";
import { REPOSITORY } from "../../support/process.ts";
import { lines } from "../build.ts";

const page = readFileSync(join(REPOSITORY, "docs/rules.md"), "utf8");
const examples = [...page.matchAll(/^```yaml\n([^]*?)^```\n(?:^```text\n([^]*?)^```\n)?/gm)];

/** What the functions that serve clients make of a request, in the words of the page. */
function outcome(site: Site, request: string): string {
  const [, method = "", target = "", status, field] =
    /^([A-Z]+) (\S+)(?: (\d{3}))?(?: (.+))?$/.exec(request) ?? [];
  const host = "shop.example";
  const fields = field === undefined ? [] : lines(field);
  const derived = deriveRequest(site, { method, host, target, fields });
  const { rule } = derived;
  const texts = [rule === undefined ? "no rule" : `rules[${site.rules.indexOf(rule)}]`];
  if (rule?.redirect !== undefined) {
    const location = redirectTarget(rule, placeOf({ host, target }));
    return [...texts, `${rule.redirect.status} to ${location}`].join("; ");
  }
  const key = derived.key.slice("shop ".length);
  texts.push(derived.bypass === undefined ? `key: ${key}` : "past the cache");
  texts.push(`origin: ${derived.host}${derived.originTarget}`);
  const cookie = derived.fields.find(([name]) => name === "cookie")?.[1];
  if (cookie !== undefined && derived.bypass === undefined) texts.push(`Cookie: ${cookie}`);
  const fresh = lifetimeMs(rule?.ttl, Number(status));
  if (status !== undefined && fresh !== undefined) {
    texts.push(`fresh for ${formatDurationMs(fresh)}`);
  }
  const told = lifetimeMs(rule?.clientTtl, Number(status));
  if (status !== undefined && told !== undefined) texts.push(`clients: ${formatDurationMs(told)}`);
  return texts.join("; ");
}

suite("the examples of docs/rules.md", () => {
  test("are there", () => {
    assert.ok(examples.length >= 7);
    assert.ok(examples.filter(([, , transcript]) => transcript !== undefined).length >= 5);
  });

  for (const [, yaml = "", transcript = ""] of examples) {
    const site = siteSchema.parse({
      name: "shop",
      hosts: ["www.shop.example", "shop.example"],
      origin: { urls: ["http://127.0.0.1:9000"] },
      ...(parse(yaml) as object),
    });
    for (const line of transcript.split("\n").filter((text) => text !== "")) {
      const [request = "", expected = ""] = line.split(/\s+-> /);
      test(request, () => {
        assert.equal(outcome(site, request), expected);
      });
    }
  }

  test("stand beside a word on every key of a rule", () => {
    for (const key of Object.keys(ruleSchema.shape)) {
      assert.ok(new RegExp(`\\b${key}\\b`).test(page), key);
    }
  });
});
