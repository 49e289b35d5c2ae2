import { type Trace, TraceBuilder } from "./trace.ts";

/** A number from 0 up to 1. */
type Random = () => number;

/** Gives the object of each request in turn. */
type Requests = (index: number) => number;

const POPULAR_OBJECTS = 30_000;

/** Objects that are asked for once have numbers from here on. */
const ONCE = 2 ** 32;

/**
 * Kinds of traffic, each in numbers of objects per request. Sizes are log-normal with a median of 8
 * KiB (95 % of objects lie between 430 bytes and 150 KiB), independent of popularity; with `-unit`
 * behind the name all objects have the same size.
 */
const TRAFFIC: Readonly<Record<string, (random: Random) => Requests>> = {
  "zipf-0.8": (random) => zipf(POPULAR_OBJECTS, 0.8, random),
  "zipf-1.0": (random) => zipf(POPULAR_OBJECTS, 1, random),
  "zipf-1.2": (random) => zipf(POPULAR_OBJECTS, 1.2, random),
  scan: withScans,
  "one-hit-objects": (random) => withOneHitWonders(random, 0.25),
  "one-hit-requests": (random) => withOneHitWonders(random, 0.75),
  drift: (random) => {
    const popular = zipf(POPULAR_OBJECTS, 1, random);
    // Every object climbs a rank each 20 requests, and is forgotten after it was the first.
    return (index) => popular(index) + Math.floor(index / 20);
  },
  "drift-fast": (random) => {
    const popular = zipf(POPULAR_OBJECTS, 1, random);
    return (index) => popular(index) + Math.floor(index / 5);
  },
  news: (random) => (index) => {
    // One is born every four requests, and they are forgotten exponentially.
    const born = Math.floor(index / 4) + Math.floor(3_000 * Math.log(1 - random()));
    return Math.max(0, born);
  },
  jumps: (random) => {
    const popular = zipf(POPULAR_OBJECTS, 1, random);
    return (index) => popular(index) + 3_000 * Math.floor(index / 50_000);
  },
  loop: () => (index) => index % 6_000,
  "loop-and-zipf": (random) => {
    const popular = zipf(3_000, 0.9, random);
    return (index) => (random() < 0.5 ? ONCE + (index % 12_000) : popular(index));
  },
  recency: withRecency,
};

/** Every synthetic trace by name, as a function of its length and seed. */
export const SYNTHETIC_TRACES: Readonly<Record<string, (requests: number, seed: number) => Trace>> =
  Object.fromEntries(
    Object.entries(TRAFFIC).flatMap(([name, traffic]) => [
      [name, (requests: number, seed: number) => generate(traffic, requests, seed, logNormal)],
      [`${name}-unit`, (requests: number, seed: number) => generate(traffic, requests, seed)],
    ]),
  );

function generate(
  traffic: (random: Random) => Requests,
  requests: number,
  seed: number,
  sizeOf?: (random: Random) => number,
): Trace {
  const next = traffic(mulberry32(seed));
  const sizes = new Map<number, number>();
  const random = mulberry32(~seed);
  const builder = new TraceBuilder();
  for (let i = 0; i < requests; i += 1) {
    const object = next(i);
    const size = sizes.get(object) ?? sizeOf?.(random) ?? 1;
    sizes.set(object, size);
    builder.add(String(object), size);
  }
  return builder.build();
}

/** Ranks from 0, each asked for in proportion to (rank + 1) ^ -exponent. */
function zipf(ranks: number, exponent: number, random: Random): Requests {
  const sums = new Float64Array(ranks);
  let total = 0;
  for (let rank = 0; rank < ranks; rank += 1) {
    total += (rank + 1) ** -exponent;
    sums[rank] = total;
  }
  return () => {
    const wanted = random() * total;
    let [low, high] = [0, ranks - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Once in 10,000 requests somebody walks through 5,000 objects that nobody asks for again. */
function withScans(random: Random): Requests {
  const popular = zipf(POPULAR_OBJECTS, 0.9, random);
  let [next, left] = [ONCE, 0];
  return (index) => {
    if (left === 0 && random() < 0.0001) left = 5_000;
    if (left === 0) return popular(index);
    left -= 1;
    next += 1;
    return next;
  };
}

/**
 * A share of the requests asks for what nobody asks for again. A quarter of them makes about three
 * quarters of the objects; three quarters of them is a crawler or an attack on the cache.
 */
function withOneHitWonders(random: Random, share: number): Requests {
  const popular = zipf(10_000, 0.9, random);
  let next = ONCE;
  return (index) => {
    if (random() >= share) return popular(index);
    next += 1;
    return next;
  };
}

/** Six of ten requests repeat one of the last 8,000, the latest most of all: LRU's best case. */
function withRecency(random: Random): Requests {
  const history: number[] = [];
  return (index) => {
    const repeats = index > 0 && random() < 0.6;
    const back = Math.floor(random() ** 3 * Math.min(index, 8_000));
    const object = repeats ? (history[index - 1 - back] ?? index) : index;
    history.push(object);
    return object;
  };
}

function logNormal(random: Random): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.round(Math.min(2 ** 22, Math.max(64, Math.exp(9 + 1.5 * normal))));
}

/** The generator of that name: 32 bits of state, good enough to draw requests. */
function mulberry32(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
