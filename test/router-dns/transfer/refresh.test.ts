import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runToEnd } from "../../../common/steps.ts";
import { decodeKeptZone, encodeKeptZone } from "../../../router-dns/transfer/kept-zone.ts";
import {
  expiry,
  planAfterFailure,
  planAfterSuccess,
} from "../../../router-dns/transfer/refresh.ts";
import { soaRdata } from "../../../router-dns/wire/rdata.ts";
import { nameOf, zoneOf } from "../dns-world.ts";
import { PEER_ZONES } from "../peer-zones.ts";

function soa(refreshSeconds: number, retrySeconds: number, expireSeconds: number) {
  const name = nameOf("x.test");
  const numbers = { serial: 1, refreshSeconds, retrySeconds, expireSeconds, minimumSeconds: 60 };
  return soaRdata({ primary: name, hostmaster: name, ...numbers });
}

describe("RFC 1035 s.3.3.13: when a secondary asks again", () => {
  const now = 1_000_000;

  it("after success: at refresh, up to a tenth earlier, and it may serve until expiry", () => {
    const plan = planAfterSuccess(soa(3600, 600, 86_400), now, 0);
    assert.deepEqual(plan, { nextAt: now + 3_600_000, expiresAt: now + 86_400_000 });
    assert.equal(planAfterSuccess(soa(3600, 600, 86_400), now, 1).nextAt, now + 3_240_000);
  });

  it("after failure: at retry, and expiry stays", () => {
    const before = { nextAt: now, expiresAt: now + 5 };
    const plan = planAfterFailure(soa(3600, 600, 86_400), before, now);
    assert.deepEqual(plan, { nextAt: now + 600_000, expiresAt: now + 5 });
    assert.equal(planAfterFailure(undefined, before, now).nextAt, now + 5_000);
  });

  it("whatever the SOA says, neither a flood nor a year", () => {
    assert.equal(planAfterSuccess(soa(0, 0, 0), now, 0).nextAt, now + 2_000);
    assert.equal(planAfterSuccess(soa(2 ** 31, 0, 0), now, 0).nextAt, now + 86_400_000);
    assert.equal(expiry(soa(0, 0, 0), now), now + 60_000);
  });
});

describe("the file of a zone of a primary", () => {
  const zone = zoneOf(PEER_ZONES[0]?.text ?? "");
  const bytes = runToEnd(encodeKeptZone({ zone, confirmedAt: 1234 }));

  it("gives the zone back, and when it was confirmed", () => {
    const kept = decodeKeptZone(bytes, zone.origin);
    assert.ok(kept.ok);
    assert.equal(kept.value.confirmedAt, 1234);
    assert.equal(kept.value.zone.nodes.size, zone.nodes.size);
  });

  it("that is cut or changed anywhere is refused or whole, never an exception", () => {
    for (let length = 0; length < bytes.length; length += 7) {
      assert.ok(!decodeKeptZone(bytes.subarray(0, length), zone.origin).ok);
    }
    for (let at = 0; at < bytes.length; at += 3) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x55;
      decodeKeptZone(changed, zone.origin);
    }
  });
});
