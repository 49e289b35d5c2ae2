import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { PlaceSet } from "../../../router-dns/geo/place-set.ts";

const degrees = fc.integer({ min: -90, max: 90 });

test("places are numbered from 1, each once, however many there are", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(degrees, degrees), { maxLength: 400 }), (places) => {
      const set = new PlaceSet(2);
      const numbers = new Map<string, number>();
      for (const [latitude, longitude] of places) {
        const number = set.add(latitude, longitude);
        const key = `${latitude} ${longitude}`;
        assert.equal(number, numbers.get(key) ?? numbers.size + 1);
        numbers.set(key, number);
        assert.deepEqual(set.at(number), { latitude, longitude });
      }
      assert.equal(set.count, numbers.size);
    }),
  );
});

test("0 and -0 are one place, and unknown numbers are nowhere", () => {
  const set = PlaceSet.of([{ latitude: 0, longitude: -0 }]);
  assert.equal(set.add(-0, 0), 1);
  assert.equal(set.at(0), undefined);
  assert.equal(set.at(2), undefined);
});
