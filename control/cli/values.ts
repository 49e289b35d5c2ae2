import { InvalidArgumentError, Option } from "commander";
import { parseSocketAddress, type SocketAddress } from "../../common/address.ts";
import { diskSize } from "../../common/config/fields.ts";
import { type IpPrefix, parseIp, parsePrefix } from "../../common/ip.ts";
import type { LogStyle } from "../../common/log.ts";
import type { Result } from "../../common/result.ts";
import { parseDurationMs, parseSizeBytes } from "../../common/units.ts";
import { DEFAULT_API } from "./contexts.ts";

/** Makes commander refuse what `parse` refuses, in its words. */
export function reader<T>(parse: (text: string) => Result<T, string>): (text: string) => T {
  return (text) => {
    const result = parse(text);
    if (!result.ok) throw new InvalidArgumentError(result.error);
    return result.value;
  };
}

/** Reads `127.0.0.1:8080`. */
export const readAddress: (text: string) => SocketAddress = reader(parseSocketAddress);

/** Reads `256MiB`; output: bytes. */
export const readSize: (text: string) => number = reader(parseSizeBytes);

/** Reads `10GiB`, at least what a disk store needs; output: bytes. */
export function readDiskSize(text: string): number {
  const size = diskSize.safeParse(text);
  if (!size.success) throw new InvalidArgumentError(size.error.issues[0]?.message ?? "not valid");
  return size.data;
}

/** Reads `192.0.2.0/24`. */
export const readPrefix: (text: string) => IpPrefix = reader(parsePrefix);

/** Reads `90s`, `10m`; output: milliseconds. */
export const readDuration: (text: string) => number = reader(parseDurationMs);

/** The shortest and the longest time between two looks at a running CDN. */
const INTERVAL_MS_MIN = 200;
const INTERVAL_MS_MAX = 3_600_000;

/** Reads how often something is looked at, from `200ms` to `1h`; output: milliseconds. */
export function readInterval(text: string): number {
  const ms = readDuration(text);
  if (ms < INTERVAL_MS_MIN || ms > INTERVAL_MS_MAX) {
    throw new InvalidArgumentError("must be from 200ms to 1h");
  }
  return ms;
}

/** Reads an IP address and gives it back as written. */
export function readIp(text: string): string {
  const bytes = parseIp(text);
  if (!bytes.ok) throw new InvalidArgumentError(bytes.error);
  return text;
}

/** Reads a port that something can connect to: 1 to 65535. */
export function readPort(text: string): number {
  return readInteger(text, 1, 65_535);
}

/** Reads a number of seconds, such as `30` or `0.5`. */
export function readSeconds(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value <= 0 || value > 86_400) {
    throw new InvalidArgumentError("must be a number of seconds, up to 86400");
  }
  return value;
}

/** Reads a whole number from `min` to `max`. */
export function readInteger(text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`);
  }
  return value;
}

/** Gathers what `read` makes of an option that may be given several times. */
export function gathering<T>(
  read: (text: string) => T,
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  return (text, before) => [...(before ?? []), read(text)];
}

/** Gathers an option that may be given several times, as it is written. */
export const gather = gathering((text: string) => text);

/** `--log json|pretty`, for everything that runs as a daemon. */
export function logOption(fallback: LogStyle): Option {
  return new Option("--log <style>", "log lines on stderr: json for machines, pretty for people")
    .choices(["json", "pretty"])
    .default(fallback);
}

/** `--api URL`, for everything that talks to a running CDN. */
export function apiOption(): Option {
  const usual = `that of the current context, else ${DEFAULT_API}`;
  return new Option("--api <url>", `control API to talk to (default: ${usual})`).env(
    "MERIDIAN_API",
  );
}

/** `--json`, for everything that prints. */
export function jsonOption(): Option {
  return new Option("--json", "print JSON instead of text");
}
