import assert from "node:assert/strict";
import { test } from "node:test";
import {
  functionMentions,
  rfcIndex,
  testMentions,
} from "../../../deploy/tools/docs/rfc-index-page.ts";

/** What RFC 9111 asks of a cache that is decided in pure functions. */
const SECTIONS = (
  "3 3.1 3.2 3.5 4 4.1 4.2 4.2.1 4.2.2 4.2.3 4.2.4 4.3.1 4.3.2 4.3.4 4.3.5 4.4 5.1 5.2 5.2.1 " +
  "5.2.2.3 5.2.2.4 5.2.2.5 5.2.2.7 5.2.2.10"
).split(" ");

test("every section of RFC 9111 has a function, and a test under its name", () => {
  const entries = rfcIndex().filter(({ rfc }) => rfc === "9111");
  for (const section of SECTIONS) {
    const entry = entries.find((each) => each.section === section);
    assert.ok(entry !== undefined, `no function names section ${section}`);
    assert.ok(entry.tests.length > 0, `no test is called after section ${section}`);
  }
});

test("comments and titles are read as people write them", () => {
  const source = [
    "/**\n * Does it (P). RFC 9111 sections 3 and 3.5; RFC 5861\n * section 3. By section 4.2.\n */",
    "export function doesIt(): void {}",
  ].join("\n");
  const mentions = functionMentions("edge/x.ts", source);
  assert.deepEqual(
    mentions.map(({ rfc, section, name }) => `${rfc} ${section} ${name}`),
    ["9111 3 doesIt", "9111 3.5 doesIt", "5861 3 doesIt", "9111 4.2 doesIt"],
  );
  assert.deepEqual(
    testMentions("test/x.ts", 'test("RFC 9111 s.4.3.1, 4.3.4: it does")').map(
      ({ rfc, section }) => `${rfc} ${section}`,
    ),
    ["9111 4.3.1", "9111 4.3.4"],
  );
});
