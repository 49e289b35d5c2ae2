import { distanceKm } from "../../router-dns/geo/place.ts";
import type { PlaceSet } from "../../router-dns/geo/place-set.ts";
import { type Crowd, crowdsOf, type Scenario } from "./scenario.ts";

/** Places in so many degrees of longitude have one time of day: 20 minutes. */
const BAND_DEGREES = 5;

/** The hour, by the sun, at which most people watch. */
const PEAK_HOUR = 21;

const DAY_SECONDS = 86_400;

/** Clients whose demand rises and falls together. */
export interface Group {
  /** Degrees, in the middle of them. */
  readonly longitude: number;
  readonly crowds: readonly Crowd[];
  /** Part of all demand, if everybody had his peak at once. */
  readonly weight: number;
}

/** Groups, and to which of them each place belongs. */
export interface Groups {
  readonly all: readonly Group[];
  readonly ofPlace: Uint16Array;
}

/** Puts places whose demand is alike into groups (P). */
export function groupPlaces(
  places: PlaceSet,
  weightOf: (place: number) => number,
  crowds: readonly Crowd[],
): Groups {
  const known = new Map<string, number>();
  const all: { longitude: number; crowds: readonly Crowd[]; weight: number }[] = [];
  const ofPlace = new Uint16Array(places.count + 1);
  for (let number = 1; number <= places.count; number += 1) {
    const place = places.at(number);
    if (place === undefined || weightOf(number) === 0) continue;
    const band = Math.floor(place.longitude / BAND_DEGREES);
    const own = crowds.filter(({ near: [latitude, longitude], within }) => {
      return distanceKm(place, { latitude, longitude }) <= within;
    });
    const key = [band, ...own.map((crowd) => crowds.indexOf(crowd))].join();
    const group = known.get(key) ?? all.length;
    if (group === all.length) {
      known.set(key, group);
      all.push({ longitude: (band + 0.5) * BAND_DEGREES, crowds: own, weight: 0 });
    }
    const entry = all[group];
    if (entry !== undefined) entry.weight += weightOf(number);
    ofPlace[number] = group;
  }
  return { all, ofPlace };
}

/** What part of its most a place demands at a second after midnight UTC (P): `night` to 1. */
export function activity(night: number, longitude: number, second: number): number {
  const hour = second / 3_600 + longitude / 15;
  const wave = (1 + Math.cos((2 * Math.PI * (hour - PEAK_HOUR)) / 24)) / 2;
  return night + (1 - night) * wave;
}

/** By how much a crowd multiplies demand at a second (P): it comes and goes in its ramp. */
export function crowdFactor(crowd: Crowd, second: number): number {
  const since = second * 1_000 - crowd.at;
  const left = crowd.for - since;
  if (since < 0 || left <= 0) return 1;
  const part = crowd.ramp === 0 ? 1 : Math.min(1, since / crowd.ramp, left / crowd.ramp);
  return 1 + part * (crowd.times - 1);
}

/** Bits per second of all clients of a group, at a second, for a weight of 1 (P). */
export type DemandOf = (group: Group, second: number) => number;

/** Demand that reaches the scenario's peak once a day, crowds aside (P). */
export function demandFor(scenario: Scenario, groups: readonly Group[]): DemandOf {
  const { night, peak } = scenario.demand;
  let most = 0;
  for (let second = 0; second < DAY_SECONDS; second += 600) {
    const sum = groups.reduce((all, { longitude, weight }) => {
      return all + weight * activity(night, longitude, second);
    }, 0);
    most = Math.max(most, sum);
  }
  const scale = most === 0 ? 0 : peak / most;
  return ({ longitude, crowds }, second) =>
    crowds.reduce(
      (demand, crowd) => demand * crowdFactor(crowd, second),
      scale * activity(night, longitude, second),
    );
}

/** The groups of a scenario's clients (P). */
export function groupsOf(scenario: Scenario, places: PlaceSet, weights: Float64Array): Groups {
  return groupPlaces(places, (place) => weights[place] ?? 0, crowdsOf(scenario));
}
