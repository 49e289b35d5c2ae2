import { fail, ok, type Result } from "../../common/result.ts";
import { formatName, type Name, type NameKey, nameKey, parseName } from "../wire/name.ts";
import {
  ALGORITHM,
  type AlgorithmNumber,
  algorithmName,
  dnskeyText,
  ENTRY_KEY,
  type KeyFlags,
  type PublicKey,
  ZONE_KEY,
} from "./dnskey.ts";
import type { KeyTimes } from "./rollover.ts";

/** What the two files of a key say: the format of BIND, which other name servers read too. */
export interface KeyFileFacts extends PublicKey {
  readonly zone: Name;
  readonly tag: number;
  readonly privateKey: Uint8Array;
  readonly times: KeyTimes;
}

/** Something wrong in the text of a key file; lines count from 1. */
export interface KeyFileProblem {
  readonly line: number;
  readonly message: string;
}

/** What the name of a key file says. */
export interface KeyFileName {
  readonly zone: NameKey;
  readonly algorithm: number;
  readonly tag: number;
}

/** Names of the times in a private file, and of ours. */
const TIME_FIELDS = {
  Created: "created",
  Publish: "publish",
  Activate: "activate",
  DSPublish: "dsPublished",
} as const satisfies Readonly<Record<string, keyof KeyTimes>>;

const ALGORITHM_TITLES: Readonly<Record<AlgorithmNumber, string>> = {
  [ALGORITHM.ecdsap256sha256]: "ECDSAP256SHA256",
  [ALGORITHM.ed25519]: "ED25519",
};

/** The name of a key's files without their ending: `Kkingcdn.test.+013+12345` (P). */
export function keyFileName(zone: Name, algorithm: number, tag: number): string {
  const name = formatName(zone).toLowerCase().replaceAll("/", "%2F");
  const digits = (value: number, count: number) => String(value).padStart(count, "0");
  return `K${name}+${digits(algorithm, 3)}+${digits(tag, 5)}`;
}

/** Reads such a name, ending in `.private` (P). Undefined if it is the name of something else. */
export function parseKeyFileName(file: string): KeyFileName | undefined {
  const match = /^K(.+\.)\+(\d{3})\+(\d{5})\.private$/.exec(file);
  const zone = parseName(match?.[1]?.replaceAll("%2F", "/") ?? "");
  if (match === null || !zone.ok) return undefined;
  return { zone: nameKey(zone.value), algorithm: Number(match[2]), tag: Number(match[3]) };
}

/** The text of the file with the private half (P). */
export function formatPrivateFile({ algorithm, privateKey, times }: KeyFileFacts): string {
  const lines = [
    "Private-key-format: v1.3",
    `Algorithm: ${algorithm} (${ALGORITHM_TITLES[algorithm]})`,
    `PrivateKey: ${Buffer.from(privateKey).toString("base64")}`,
    ...Object.entries(TIME_FIELDS).flatMap(([field, name]) => {
      const time = times[name];
      return time === undefined ? [] : [`${field}: ${formatTime(time)}`];
    }),
  ];
  return `${lines.join("\n")}\n`;
}

/** The text of the file with the public half: its DNSKEY record (P). */
export function formatPublicFile(facts: KeyFileFacts): string {
  const kind = facts.flags === ENTRY_KEY ? "key-signing" : "zone-signing";
  const zone = formatName(facts.zone);
  const algorithm = algorithmName(facts.algorithm);
  const comment = `; This is a ${kind} key, keyid ${facts.tag}, for ${zone} (${algorithm})`;
  return `${comment}\n${zone} IN DNSKEY ${dnskeyText(facts)}\n`;
}

/** Reads the text of a file with a private half (P). Fields that we do not know are passed over. */
export function parsePrivateFile(
  text: string,
): Result<Pick<KeyFileFacts, "algorithm" | "privateKey" | "times">, KeyFileProblem> {
  const fields = new Map<string, { readonly value: string; readonly line: number }>();
  for (const [index, line] of text.split("\n").entries()) {
    const match = /^([A-Za-z-]+):\s*(.*?)\s*$/.exec(line);
    if (match !== null) fields.set(match[1] ?? "", { value: match[2] ?? "", line: index + 1 });
  }
  const at = (field: string) => fields.get(field)?.line ?? 1;
  const format = fields.get("Private-key-format")?.value ?? "";
  if (!/^v1\.\d+$/.test(format)) {
    return fail({ line: at("Private-key-format"), message: "this is no Private-key-format v1.x" });
  }
  const algorithm = algorithmOf(fields.get("Algorithm")?.value);
  if (algorithm === undefined) {
    const message = "the algorithm is not 13 (ECDSAP256SHA256) or 15 (ED25519)";
    return fail({ line: at("Algorithm"), message });
  }
  const times: { -readonly [K in keyof KeyTimes]?: number } = {};
  for (const [field, name] of Object.entries(TIME_FIELDS)) {
    const written = fields.get(field);
    if (written === undefined) continue;
    const time = parseTime(written.value);
    if (time === undefined) {
      const message = `${field} is not a time like 20260131235959`;
      return fail({ line: written.line, message });
    }
    times[name] = time;
  }
  const { created = 0, publish = created, activate, dsPublished } = times;
  return ok({
    algorithm,
    privateKey: Buffer.from(fields.get("PrivateKey")?.value ?? "", "base64"),
    times: { created, publish, activate, dsPublished },
  });
}

/** Reads the text of a file with a public half (P): one DNSKEY record, as BIND writes it. */
export function parsePublicFile(text: string): Result<PublicKey, KeyFileProblem> {
  for (const line of text.split("\n")) {
    const record = line.replace(/;.*$/, "").trim();
    if (record === "") continue;
    const match = /^\S+\s+(?:\d+\s+)?(?:IN\s+)?DNSKEY\s+(\d+)\s+3\s+(\d+)\s+(.+)$/i.exec(record);
    const flags = flagsOf(match?.[1]);
    const algorithm = algorithmOf(match?.[2]);
    if (flags === undefined || algorithm === undefined) break;
    const publicKey = Buffer.from((match?.[3] ?? "").replaceAll(/[\s()]/g, ""), "base64");
    return ok({ flags, algorithm, publicKey: new Uint8Array(publicKey) });
  }
  const message = "there is no DNSKEY record with flags 256 or 257 and algorithm 13 or 15";
  return fail({ line: 1, message });
}

/** Writes a time as key files do: `20260131235959`, UTC (P). */
export function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replaceAll(/\D/g, "").slice(0, 14);
}

/** Reads such a time; BIND writes words behind it (P). */
function parseTime(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\s|$)/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  return formatTime(seconds) === match.slice(1, 7).join("") ? seconds : undefined;
}

function algorithmOf(text: string | undefined): AlgorithmNumber | undefined {
  const number = Number(/^\d+/.exec(text ?? "")?.[0]);
  return Object.values(ALGORITHM).find((known) => known === number);
}

function flagsOf(text: string | undefined): KeyFlags | undefined {
  return [ZONE_KEY, ENTRY_KEY].find((known) => known === Number(text)) as KeyFlags | undefined;
}
