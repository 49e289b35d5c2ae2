import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runToEnd } from "../../../common/steps.ts";
import { NAMES_PER_STEP, treeSteps, type Zone } from "../../../router-dns/zone/zone.ts";
import { namesInOctets, zoneOctets } from "../../../router-dns/zone/zone-octets.ts";
import { zoneOf } from "../dns-world.ts";
import { PEER_ZONES } from "../peer-zones.ts";

const HEAD = "$ORIGIN x.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";

function moved(zone: Zone): Zone {
  const octets = structuredClone(runToEnd(zoneOctets(zone.nodes.values())));
  const { origin, aliases, file, warnings } = structuredClone(zone);
  return runToEnd(treeSteps({ origin, aliases, file, warnings, names: namesInOctets(octets) }));
}

/** A zone without the difference between a view of octets and octets of their own. */
function plain(zone: Zone): unknown {
  return JSON.parse(
    JSON.stringify({ ...zone, nodes: [...zone.nodes] }, (_key, value: unknown) =>
      ArrayBuffer.isView(value) ? Buffer.from(value as Uint8Array).toString("hex") : value,
    ),
  );
}

describe("a zone as octets", () => {
  for (const { name, text } of PEER_ZONES) {
    it(`${name} is the same zone behind a thread's border`, () => {
      const zone = zoneOf(text);
      assert.deepEqual(plain(moved(zone)), plain(zone));
    });
  }

  it("records as large as they come, and more octets than the first buffer has", () => {
    const strings = `"${"x".repeat(255)}" `.repeat(200);
    const zone = zoneOf(
      `${HEAD}a ALIAS ns\nd ALIAS b.c\nbig TXT ${strings}\nbig2 TXT ${strings}\nmail MX 1 Mail.X.test.\n`,
    );
    assert.deepEqual(plain(moved(zone)), plain(zone));
  });

  it("is built in steps of a bounded number of names, and no half of it is seen", () => {
    const rows = Array.from({ length: 2_000 }, (_, i) => `n${i} A 192.0.2.1`);
    const zone = zoneOf(`${HEAD}${rows.join("\n")}\n`);
    const octets = runToEnd(zoneOctets(zone.nodes.values()));
    let taken = 0;
    function* counted() {
      for (const named of namesInOctets(octets)) {
        taken += 1;
        yield named;
      }
    }
    const steps = treeSteps({ origin: zone.origin, names: counted() });
    let count = 0;
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      assert.ok(taken <= (count + 1) * NAMES_PER_STEP);
      count += 1;
    }
    assert.ok(count >= (2 * rows.length) / NAMES_PER_STEP - 2, String(count));
  });
});
