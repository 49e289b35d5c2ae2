import assert from "node:assert/strict";
import { it } from "node:test";
import { rcodeName, typeName } from "../../../router-dns/wire/codes.ts";

it("RFC 3597 s.5: types have a name, or TYPE and a number", () => {
  assert.equal(typeName(28), "AAAA");
  assert.equal(typeName(65_280), "TYPE65280");
});

it("RFC 6895 s.2.3: response codes have a name, or RCODE and a number", () => {
  assert.equal(rcodeName(0), "NOERROR");
  assert.equal(rcodeName(16), "BADVERS");
  assert.equal(rcodeName(23), "BADCOOKIE");
  assert.equal(rcodeName(24), "RCODE24");
});
