import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Ghost, hashKey } from "../../../edge/store/ghost.ts";

const hashOf = (i: number): number => hashKey(`http://shop.example/${i}`);

suite("the memory of evictions", () => {
  test("says how many evictions ago a key left, once", () => {
    const ghost = new Ghost();
    for (const key of ["a", "b", "c"]) ghost.add(hashKey(key), 3);
    assert.equal(ghost.take(hashKey("a")), 2);
    assert.equal(ghost.take(hashKey("a")), Infinity);
    assert.equal(ghost.take(hashKey("c")), 0);
    assert.equal(ghost.take(hashKey("never")), Infinity);
  });

  test("a key that leaves again is remembered from then on", () => {
    const ghost = new Ghost();
    for (const key of ["a", "b", "a"]) ghost.add(hashKey(key), 3);
    assert.equal(ghost.take(hashKey("a")), 0);
    assert.equal(ghost.take(hashKey("a")), Infinity);
  });

  for (const objects of [1, 100, 5_000, 40_000]) {
    test(`with ${objects} objects it knows most of the last ${objects} evictions`, () => {
      const ghost = new Ghost();
      const total = objects * 5;
      for (let i = 0; i < total; i += 1) ghost.add(hashOf(i), objects);
      let known = 0;
      for (let i = total - objects; i < total; i += 1) {
        const age = ghost.take(hashOf(i));
        if (age === total - 1 - i) known += 1;
        else assert.equal(age, Infinity);
      }
      assert.ok(known >= 0.6 * objects, `${known} of ${objects}`);
      assert.ok(ghost.bytes <= Math.max(2_048, 16 * objects), `${ghost.bytes} bytes`);
    });
  }

  test("growing forgets nothing", () => {
    const ghost = new Ghost();
    for (let i = 0; i < 100; i += 1) ghost.add(hashOf(i), 10);
    const known = Array.from({ length: 100 }, (_, i) => i).filter((i) => {
      const age = ghost.take(hashOf(i));
      if (age !== Infinity) ghost.add(hashOf(i), 10);
      return age !== Infinity;
    });
    const before = ghost.bytes;
    while (ghost.bytes < before * 8) ghost.add(hashOf(1_000), 100_000);
    for (const i of known) assert.notEqual(ghost.take(hashOf(i)), Infinity, `key ${i}`);
  });

  test("however many objects there are, it has a largest size", () => {
    const ghost = new Ghost();
    for (let i = 0; i < 40; i += 1) ghost.add(hashOf(i), 10 ** 9);
    assert.equal(ghost.bytes, 32 * 2 ** 20);
  });
});
