import assert from "node:assert/strict";
import { it } from "node:test";
import { judgeQuery } from "../../../router-dns/policy/query-policy.ts";
import { rcodeName } from "../../../router-dns/wire/codes.ts";
import { decodeQuery } from "../../../router-dns/wire/message.ts";
import { type Question, queryBytes } from "../dns-world.ts";

/** The code and the extended error that a query gets instead of an answer. */
const CASES: readonly (readonly [title: string, question: Partial<Question>, verdict: string])[] = [
  ["RFC 1035 s.3.2.2: a record type", { type: "A" }, "answered"],
  ["RFC 3597 s.3: a type that nobody knows", { type: 65_280 }, "answered"],
  ["RFC 8482 s.4: ANY", { type: "ANY" }, "answered"],
  ["RFC 8659 s.4: a type above the meta types", { type: "CAA" }, "answered"],
  ["RFC 5936 s.2.2.1: AXFR", { type: "AXFR" }, "REFUSED 18"],
  ["RFC 1995 s.2: IXFR", { type: "IXFR" }, "REFUSED 18"],
  ["RFC 1035 s.3.2.3: MAILA", { type: "MAILA" }, "NOTIMP 21"],
  ["RFC 1035 s.3.2.3: MAILB", { type: "MAILB" }, "NOTIMP 21"],
  ["RFC 2930 s.4: TKEY", { type: "TKEY" }, "NOTIMP 21"],
  ["RFC 8945 s.4.2: TSIG in the question", { type: "TSIG" }, "FORMERR"],
  ["RFC 6891 s.6.1.1: OPT in the question", { type: "OPT" }, "FORMERR"],
  ["RFC 1035 s.3.2.4: class CH", { rrclass: 3 }, "REFUSED 21"],
  ["RFC 1035 s.3.2.5: class ANY", { rrclass: 255 }, "REFUSED 21"],
  ["RFC 2136 s.2.2: UPDATE", { flags: 5 << 11 }, "NOTIMP 21"],
  ["RFC 1996 s.3.1: NOTIFY", { flags: 4 << 11 }, "NOTIMP 21"],
  [
    "RFC 6895 s.2.2: UPDATE in class CH is NOTIMP first",
    { flags: 5 << 11, rrclass: 3 },
    "NOTIMP 21",
  ],
  ["RFC 6891 s.6.1.3: EDNS version 1", { version: 1, options: [] }, "BADVERS"],
  ["RFC 7871 s.6: a broken client subnet", { options: [[8, "00"]] }, "FORMERR"],
];

for (const [title, question, verdict] of CASES) {
  it(`${title}: ${verdict}`, () => {
    const query = decodeQuery(queryBytes({ name: "www.test", ...question }));
    assert.ok(query);
    const refusal = judgeQuery(query);
    const { rcode = -1, extendedError = "" } = refusal ?? {};
    const seen = refusal === undefined ? "answered" : `${rcodeName(rcode)} ${extendedError}`.trim();
    assert.equal(seen, verdict);
  });
}
