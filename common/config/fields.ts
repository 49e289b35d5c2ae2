import { z } from "zod";
import { parseSocketAddress } from "../address.ts";
import { formatIp, parseIp, parsePrefix } from "../ip.ts";
import type { Result } from "../result.ts";
import { parseBitRate, parseDurationMs, parseSizeBytes } from "../units.ts";

/** A string that `parse` turns into something else, or says why not. */
function parsed<T>(parse: (text: string) => Result<T, string>) {
  return z.string().transform((text, context): T => {
    const result = parse(text);
    if (result.ok) return result.value;
    context.addIssue({ code: "custom", message: result.error });
    return z.NEVER;
  });
}

/** `20s`, `250ms`, `1h`; becomes milliseconds. */
export const duration = parsed(parseDurationMs).meta({ kind: "duration" });

/** `256MiB`; becomes bytes. */
export const size = parsed(parseSizeBytes).meta({ kind: "size" });

/** The least that a disk store can work with: some segments of 2 MiB. */
export const DISK_BYTES_MIN: number = 32 * 2 ** 20;

/** `10GiB`, for a disk store; becomes bytes. */
export const diskSize = size.refine(
  (bytes) => bytes >= DISK_BYTES_MIN,
  "must be at least 32MiB for a disk",
);

/** `10Gbps`; becomes bits per second. */
export const bitRate = parsed(parseBitRate).meta({ kind: "bit-rate" });

/** `127.0.0.1:8080` or `[::1]:8080`. */
export const socketAddress = parsed(parseSocketAddress).meta({ kind: "socket-address" });

/** An IPv4 or IPv6 address; becomes its normal text form. */
export const ipAddress = parsed((text) => {
  const bytes = parseIp(text);
  return bytes.ok ? { ok: true, value: formatIp(bytes.value) } : bytes;
});

/** `192.0.2.0/24`; becomes bytes and a length. */
export const ipPrefix = parsed(parsePrefix).meta({ kind: "ip-prefix" });

/** A name of ours: what sites, PoPs and edges are called, also as a DNS label. */
export const label = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    "must be a DNS label: lower-case letters, digits and inner hyphens, at most 63",
  );

/** A host name of at least two labels, in lower case and without the final dot. */
export const hostName = z
  .string()
  .transform((text) => text.toLowerCase().replace(/\.$/, ""))
  .pipe(
    z
      .string()
      .max(253)
      .regex(
        /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
        "must be a host name such as www.example.com",
      ),
  );

/** An `http:` or `https:` URL of an origin: scheme, host, port; nothing behind them. */
export const originUrl = z.string().transform((text, context): string => {
  const url = URL.parse(text);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== "/" ||
    url.search !== ""
  ) {
    context.addIssue({
      code: "custom",
      message: `"${text}" is not an origin URL (like http://10.0.0.5:8000, without a path)`,
    });
    return z.NEVER;
  }
  return url.origin;
});

/** A duration, or a plain 0. */
const lifetime = z.union([duration, z.literal(0)]);

/**
 * Lifetimes in ms: one for every status below 500, or by status (`404`) and by class (`5xx`), of
 * which the status counts first.
 */
export const lifetimes = z.union([
  lifetime,
  z
    .record(
      z.string().regex(/^[2-5](?:[0-9]{2}|xx)$/, "is no status (404) and no class (5xx)"),
      lifetime,
    )
    .refine((table) => Object.keys(table).length > 0, "names no status"),
]);
