import assert from "node:assert/strict";
import { STATUS_CODES } from "node:http";
import { test } from "node:test";
import { combinedField } from "../../../edge/http/fields.ts";
import { ERROR_REASONS, errorResponse } from "../../../edge/serve/error-response.ts";

const CONTEXT = { edge: "syd-1", requestId: "r-42" };

for (const reason of ERROR_REASONS) {
  test(`RFC 9110 s.15: ${reason} is an error that people and programs can read`, () => {
    const { status, fields, body } = errorResponse(reason, CONTEXT);
    assert.ok(status >= 400 && status <= 599);
    const [first = "", second, detail = ""] = body.split("\n");
    // RFC 9110 has renamed 413, which Node still calls by its old name.
    const title = status === 413 ? "Content Too Large" : STATUS_CODES[status];
    assert.equal(first, `${status} ${title}`);
    assert.equal(second, "");
    assert.match(detail, /^[A-Z].*[.]$/);
    assert.ok(body.endsWith(`\nreason: ${reason}\nedge: syd-1\nrequest: r-42\n`));
    assert.equal(combinedField(fields, "content-length"), String(Buffer.byteLength(body)));
    assert.equal(combinedField(fields, "content-type"), "text/plain; charset=utf-8");
    assert.equal(combinedField(fields, "cache-control"), "no-store");
    assert.equal(combinedField(fields, "retry-after"), status === 503 ? "1" : undefined);
    assert.equal(
      combinedField(fields, "allow")?.includes("GET"),
      status === 405 ? true : undefined,
    );
  });
}

test("the statuses that others rely on", () => {
  const statusOf = (reason: (typeof ERROR_REASONS)[number]) =>
    errorResponse(reason, CONTEXT).status;
  assert.equal(statusOf("origin-refused"), 502);
  assert.equal(statusOf("origin-broken"), 502);
  assert.equal(statusOf("origin-timeout"), 504);
  assert.equal(statusOf("only-if-cached"), 504);
  assert.equal(statusOf("origin-loop"), 508);
  assert.equal(statusOf("overloaded"), 503);
});
