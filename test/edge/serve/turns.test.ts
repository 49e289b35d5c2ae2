import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Turns } from "../../../edge/serve/turns.ts";

suite("turns of the event loop", () => {
  test("a turn ends when its time is used up; the rest goes on in order in the next ones", async () => {
    let now = 0;
    const turns = new Turns(() => now);
    const done: number[] = [];
    // Each delivery takes 0.2 ms, so three of them fill a turn of 0.5 ms.
    for (let i = 0; i < 8; i += 1) {
      turns.give({
        deliver() {
          done.push(i);
          now += 0.2;
        },
      });
    }
    assert.deepEqual(done, [0, 1, 2]);
    await nextTurn();
    assert.deepEqual(done, [0, 1, 2, 3, 4, 5]);
    await nextTurn();
    assert.deepEqual(done, [0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("who is given a turn twice delivers once, and may ask again while delivering", async () => {
    let now = 0;
    const turns = new Turns(() => now);
    turns.give({ deliver: () => (now += 1) });
    let times = 0;
    const again = {
      deliver(): void {
        times += 1;
        now += 1;
        if (times === 1) turns.give(again);
      },
    };
    turns.give(again);
    turns.give(again);
    assert.equal(times, 0);
    await nextTurn();
    assert.equal(times, 1);
    await nextTurn();
    assert.equal(times, 2);
  });
});
