import { z } from "zod";
import { duration } from "./fields.ts";

/** A zone's name, in lower case and without the final dot; one label is enough. */
const zoneName = z
  .string()
  .transform((text) => text.toLowerCase().replace(/\.$/, ""))
  .pipe(
    z
      .string()
      .max(253)
      .regex(
        /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/,
        "must be the name of a zone such as example.com",
      ),
  );

const algorithm = z.enum(["ecdsap256sha256", "ed25519"]);
const scheme = z.enum(["ksk-zsk", "csk"]);

const WORDS = {
  algorithm: "Algorithm of the first keys: 13 or 15. Successors have that of their predecessors.",
  scheme:
    "`ksk-zsk`: the key that the parent names signs only keys, another one signs records. `csk`: one " +
    "key does both.",
  zskLifetime: "How long a key signs records until its successor takes over; `0s`: for ever.",
  kskLifetime:
    "How long a key that the parent names is used until its rollover begins; `0s`: until `zone keys roll`.",
  signatureLifetime:
    "How long a new signature is good. At least four times `maxTtl` and `dnskeyTtl`.",
  dnskeyTtl: "TTL of the keys.",
  maxTtl: "The longest TTL that records of a signed zone have.",
  propagation: "Until all routers have read what is new in the folder of keys.",
  dsTtl: "TTL of DS records in the parent zone.",
} as const;

/** One zone that is signed: its name, and what is different for it. */
const signedZoneSchema = z.strictObject({
  name: zoneName.describe("The CDN domain, or a zone of `zones`."),
  algorithm: algorithm.optional().describe(WORDS.algorithm),
  scheme: scheme.optional().describe(WORDS.scheme),
  zskLifetime: duration.optional().describe(WORDS.zskLifetime),
  kskLifetime: duration.optional().describe(WORDS.kskLifetime),
  signatureLifetime: duration.optional().describe(WORDS.signatureLifetime),
  dnskeyTtl: duration.optional().describe(WORDS.dnskeyTtl),
  maxTtl: duration.optional().describe(WORDS.maxTtl),
  propagation: duration.optional().describe(WORDS.propagation),
  dsTtl: duration.optional().describe(WORDS.dsTtl),
});

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How zones are signed. What stands here holds for all of them unless a zone says otherwise. */
export const dnssecSchema = z.strictObject({
  keys: z.string().describe("Folder of key files. All routers must have the same ones."),
  zones: z.array(signedZoneSchema).min(1).describe("The zones that are signed."),
  rollover: z
    .enum(["automatic", "manual"])
    .default("automatic")
    .describe(
      "`automatic`: routers make successors of keys that are due and write them to the folder, which " +
        "all of them share. `manual`: they only read it.",
    ),
  algorithm: algorithm.default("ecdsap256sha256").describe(WORDS.algorithm),
  scheme: scheme.default("ksk-zsk").describe(WORDS.scheme),
  zskLifetime: duration.default(30 * DAY).describe(WORDS.zskLifetime),
  kskLifetime: duration.default(0).describe(WORDS.kskLifetime),
  signatureLifetime: duration.default(7 * DAY).describe(WORDS.signatureLifetime),
  dnskeyTtl: duration.default(HOUR).describe(WORDS.dnskeyTtl),
  maxTtl: duration.default(DAY).describe(WORDS.maxTtl),
  propagation: duration.default(HOUR).describe(WORDS.propagation),
  dsTtl: duration.default(DAY).describe(WORDS.dsTtl),
});

/** How zones are signed, defaults filled in: durations in milliseconds. */
export type DnssecConfig = z.infer<typeof dnssecSchema>;

/** One signed zone with everything that holds for it. */
export type SignedZoneConfig = Omit<DnssecConfig, "keys" | "zones" | "rollover"> & {
  readonly name: string;
};

/** Signed zones, each with what it says itself and otherwise what holds for all (P). */
export function signedZones(dnssec: DnssecConfig): readonly SignedZoneConfig[] {
  return dnssec.zones.map((zone) => ({
    name: zone.name,
    algorithm: zone.algorithm ?? dnssec.algorithm,
    scheme: zone.scheme ?? dnssec.scheme,
    zskLifetime: zone.zskLifetime ?? dnssec.zskLifetime,
    kskLifetime: zone.kskLifetime ?? dnssec.kskLifetime,
    signatureLifetime: zone.signatureLifetime ?? dnssec.signatureLifetime,
    dnskeyTtl: zone.dnskeyTtl ?? dnssec.dnskeyTtl,
    maxTtl: zone.maxTtl ?? dnssec.maxTtl,
    propagation: zone.propagation ?? dnssec.propagation,
    dsTtl: zone.dsTtl ?? dnssec.dsTtl,
  }));
}

/** The part of a signature's lifetime that must be left when it is given out. */
const LIFETIMES_OF_TTL = 4;

/** What does not fit together in the times of one zone (P), by the key that should change. */
export function signingProblems(
  zone: SignedZoneConfig,
): readonly { readonly key: keyof SignedZoneConfig; readonly message: string }[] {
  const { zskLifetime, kskLifetime, signatureLifetime, dnskeyTtl, maxTtl, propagation } = zone;
  const problems: { key: keyof SignedZoneConfig; message: string }[] = [];
  for (const key of ["signatureLifetime", "dnskeyTtl", "maxTtl", "propagation", "dsTtl"] as const) {
    if (zone[key] < 1_000) problems.push({ key, message: "must be at least 1s" });
  }
  // A resolver that gets a signature just before it is replaced keeps it for a whole TTL.
  if (signatureLifetime < LIFETIMES_OF_TTL * Math.max(maxTtl, dnskeyTtl)) {
    const message = "must be at least four times maxTtl and dnskeyTtl";
    problems.push({ key: "signatureLifetime", message });
  }
  // A key must have left the zone before the next successor is made.
  const rollover = dnskeyTtl + maxTtl + 2 * propagation;
  if (zskLifetime > 0 && zskLifetime < rollover) {
    const message = "must be 0s, or longer than a rollover: dnskeyTtl + maxTtl + 2 x propagation";
    problems.push({ key: "zskLifetime", message });
  }
  if (kskLifetime > 0 && kskLifetime < rollover + zone.dsTtl) {
    const message = "must be 0s, or longer than a rollover: that of zskLifetime + dsTtl";
    problems.push({ key: "kskLifetime", message });
  }
  return problems;
}
