import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { passableTrailers, takesTrailers } from "../../../edge/http/trailers.ts";

describe("which trailers", () => {
  it("RFC 9110 s.6.5.1: what is about the message or the connection stays behind", () => {
    const passed = [["x-checksum", "1"] as const, ["etag", '"x"'] as const];
    const kept = [["content-type", "text/html"] as const, ["connection", "close"] as const];
    assert.deepEqual(passableTrailers([...passed, ...kept]), passed);
  });

  it("RFC 9110 s.10.1.4: whoever says so takes them", () => {
    for (const te of ["trailers", "gzip, Trailers", " trailers , deflate"]) {
      assert.ok(takesTrailers(te), te);
    }
    assert.ok(!takesTrailers(undefined));
    for (const te of ["", "trailer", "gzip;q=0.5"]) assert.ok(!takesTrailers(te), te);
  });
});
