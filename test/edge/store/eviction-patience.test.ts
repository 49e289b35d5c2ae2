import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Patience } from "../../../edge/store/eviction-patience.ts";

/** So many outcomes, of which a share (0 to 1) was good. */
interface Outcomes {
  readonly sparedUsed: number;
  readonly evictedBack: number;
}

function after(rounds: number, { sparedUsed, evictedBack }: Outcomes): number {
  const patience = new Patience();
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < 100; i += 1) {
      patience.spared(i < sparedUsed * 100);
      patience.evicted();
      if (i < evictedBack * 100) patience.cameBack();
    }
    patience.settle(100);
  }
  return patience.rounds;
}

suite("patience with unused objects", () => {
  test("grows while those that were spared do better than those evicted, up to seven", () => {
    assert.equal(after(1, { sparedUsed: 0.5, evictedBack: 0.2 }), 3);
    assert.equal(after(50, { sparedUsed: 0.5, evictedBack: 0.2 }), 7);
  });

  test("shrinks while they do worse or no better, down to one", () => {
    assert.equal(after(1, { sparedUsed: 0.1, evictedBack: 0.2 }), 1);
    assert.equal(after(50, { sparedUsed: 0, evictedBack: 0 }), 1);
  });

  test("a change of traffic is followed within a few rounds", () => {
    const patience = new Patience();
    const settle = (used: boolean): void => {
      for (let i = 0; i < 100; i += 1) {
        patience.spared(used);
        patience.evicted();
        if (!used) patience.cameBack();
      }
      patience.settle(100);
    };
    for (let i = 0; i < 10; i += 1) settle(true);
    for (let i = 0; i < 8; i += 1) settle(false);
    assert.equal(patience.rounds, 1);
  });

  test("too few outcomes, or only of one kind, change nothing", () => {
    const patience = new Patience();
    for (let i = 0; i < 10; i += 1) patience.evicted();
    patience.settle(1);
    for (let i = 0; i < 1_000; i += 1) patience.evicted();
    patience.settle(1);
    assert.equal(patience.rounds, 2);
  });
});
