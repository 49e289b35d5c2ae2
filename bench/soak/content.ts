/** Bytes of the pattern that all bodies are cut out of: a prime, so that few bodies agree. */
const PATTERN_BYTES = 1_048_573;

/** The longest body. */
export const BODY_BYTES_MAX = 2 ** 23;

/** What one URL of the soak stands for. */
export interface Content {
  /** Tells URLs, and their bytes, apart. */
  readonly number: number;
  readonly bytes: number;
  /** The origin lets it be stored. */
  readonly stored: boolean;
}

const pattern = makePattern();

/** The path of a content (P). */
export function pathOf({ number, bytes, stored }: Content): string {
  return `/${stored ? "keep" : "pass"}/${bytes}/${number}`;
}

/** What a path stands for; undefined if it is none of ours (P). */
export function contentOf(path: string): Content | undefined {
  const match = /^\/(keep|pass)\/(\d+)\/(\d+)$/.exec(path);
  if (match === null || Number(match[2]) > BODY_BYTES_MAX) return undefined;
  return { stored: match[1] === "keep", bytes: Number(match[2]), number: Number(match[3]) };
}

/** The bytes of a content from `from` on, `length` of them, without copying (P). */
export function bytesOf({ number }: Content, from: number, length: number): Buffer {
  const start = ((number * 7_919) % PATTERN_BYTES) + from;
  const at = start % PATTERN_BYTES;
  return pattern.subarray(at, at + length);
}

/** A content of the traffic mix for two random numbers from 0 up to 1 (P). */
export function draw(number: number, kind: number, size: number): Content {
  if (kind < 0.6) return { number, bytes: between(200, 16_384, size), stored: true };
  if (kind < 0.84) return { number, bytes: between(16_384, 262_144, size), stored: true };
  if (kind < 0.94) return { number, bytes: between(200, 65_536, size), stored: false };
  if (kind < 0.99) return { number, bytes: between(262_144, 1_048_576, size), stored: true };
  return { number, bytes: between(1_048_576, BODY_BYTES_MAX, size), stored: kind < 0.996 };
}

/** Sizes whose logarithms are spread evenly. */
function between(least: number, most: number, random: number): number {
  return Math.floor(least * (most / least) ** random);
}

/** Long enough that no body reaches its end, wherever it begins. */
function makePattern(): Buffer {
  const bytes = Buffer.alloc(PATTERN_BYTES + BODY_BYTES_MAX);
  let state = 1;
  for (let i = 0; i < PATTERN_BYTES; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  for (let at = PATTERN_BYTES; at < bytes.length; at += PATTERN_BYTES) {
    bytes.copy(bytes, at, 0, Math.min(PATTERN_BYTES, bytes.length - at));
  }
  return bytes;
}
