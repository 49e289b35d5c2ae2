import { fail, ok, type Result } from "./result.ts";

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const RATE_BITS: Readonly<Record<string, number>> = {
  bps: 1,
  kbps: 1e3,
  Mbps: 1e6,
  Gbps: 1e9,
  Tbps: 1e12,
};

/**
 * Reads a duration such as `250ms`, `20s`, `1.5h` (P).
 *
 * Output: milliseconds, 0 to 2^53. The unit is required, except for a plain `0`.
 */
export function parseDurationMs(text: string): Result<number, string> {
  return parseQuantity(text, DURATION_MS, "a duration", "20s, 250ms, 5m, 1h, 7d");
}

/** Writes a duration so that parseDurationMs reads the same back, such as `20s` or `1500ms` (P). */
export function formatDurationMs(ms: number): string {
  const units = Object.entries(DURATION_MS).reverse();
  const [unit, factor] = units.find(([, factor]) => ms >= factor && ms % factor === 0) ?? ["ms", 1];
  return ms === 0 ? "0s" : `${ms / factor}${unit}`;
}

/** Reads a size such as `256MiB` or `10GB` (P). Output: whole bytes. */
export function parseSizeBytes(text: string): Result<number, string> {
  return parseQuantity(text, SIZE_BYTES, "a size", "256MiB, 10GiB, 500MB");
}

/** Writes a size so that parseSizeBytes reads the same back, such as `4MiB` or `1500B` (P). */
export function formatSizeBytes(bytes: number): string {
  const units = ["TiB", "GiB", "MiB", "KiB"] as const;
  const unit = units.find((each) => bytes > 0 && bytes % (SIZE_BYTES[each] ?? 1) === 0) ?? "B";
  return `${bytes / (SIZE_BYTES[unit] ?? 1)}${unit}`;
}

/** Reads a bit rate such as `10Gbps` (P). Output: bits per second. */
export function parseBitRate(text: string): Result<number, string> {
  return parseQuantity(text, RATE_BITS, "a rate", "10Gbps, 500Mbps");
}

/** Writes a byte count for people, such as `256 MiB` (P). */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

function parseQuantity(
  text: string,
  units: Readonly<Record<string, number>>,
  what: string,
  examples: string,
): Result<number, string> {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const factor = match?.[2] === "" && Number(match[1]) === 0 ? 1 : units[match?.[2] ?? ""];
  const value = Math.round(Number(match?.[1]) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(value)) {
    return fail(`"${text}" is not ${what} (like ${examples})`);
  }
  return ok(value);
}
