import assert from "node:assert/strict";
import { test } from "node:test";
import { distanceKm, isPlace, toPlace, toUnitVector } from "../../../router-dns/geo/place.ts";

const SYDNEY = { latitude: -33.87, longitude: 151.21 };
const FRANKFURT = { latitude: 50.11, longitude: 8.68 };

test("distances agree with known ones to half a percent", () => {
  const tokyo = { latitude: 35.68, longitude: 139.77 };
  assert.ok(Math.abs(distanceKm(SYDNEY, FRANKFURT) - 16_482) < 82);
  assert.ok(Math.abs(distanceKm(SYDNEY, tokyo) - 7_822) < 39);
});

test("distance is 0 to itself, the same both ways, and half the earth to the antipode", () => {
  assert.equal(distanceKm(SYDNEY, SYDNEY), 0);
  assert.equal(distanceKm(SYDNEY, FRANKFURT), distanceKm(FRANKFURT, SYDNEY));
  const antipode = { latitude: 33.87, longitude: -28.79 };
  assert.ok(Math.abs(distanceKm(SYDNEY, antipode) - 20_015) < 1);
});

test("the date line is no border", () => {
  const west = { latitude: 0, longitude: 179.5 };
  const east = { latitude: 0, longitude: -179.5 };
  assert.ok(distanceKm(west, east) < 112);
});

test("vectors and degrees turn into each other", () => {
  const { latitude, longitude } = toPlace(toUnitVector(SYDNEY));
  assert.ok(Math.abs(latitude - SYDNEY.latitude) < 1e-9);
  assert.ok(Math.abs(longitude - SYDNEY.longitude) < 1e-9);
});

test("a place needs two numbers on the earth", () => {
  assert.equal(isPlace(90, -180), true);
  assert.equal(isPlace(90.1, 0), false);
  assert.equal(isPlace(0, 181), false);
  assert.equal(isPlace(Number.NaN, 0), false);
  assert.equal(isPlace("1", 0), false);
});
