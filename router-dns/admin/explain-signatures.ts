import type { Answer, DecodedPacket } from "dns-packet";

/** One record that is there because the zone is signed, and why. */
export interface ExplainedSignature {
  readonly section: "answer" | "authority";
  readonly name: string;
  readonly type: string;
  readonly why: string;
}

/** The fields of an RRSIG record as the decoder names them. */
interface RrsigFields {
  readonly typeCovered: string;
  readonly expiration: number;
  readonly keyTag: number;
  readonly signersName: string;
}

/**
 * Says of each record of an answer with signatures what it is there for (P): signatures, denials
 * and the names of keys of signed children. An answer from a zone that is not signed has none.
 */
export function explainSignatures(message: DecodedPacket): readonly ExplainedSignature[] {
  const sections = [
    ["answer", message.answers ?? []],
    ["authority", message.authorities ?? []],
  ] as const;
  return sections.flatMap(([section, records]) =>
    records.flatMap((record) => {
      const why = reasonOf(record);
      return why === undefined ? [] : [{ section, name: record.name, type: record.type, why }];
    }),
  );
}

function reasonOf(record: Answer): string | undefined {
  if (record.type === "RRSIG") {
    const { typeCovered, expiration, keyTag, signersName } = record.data as RrsigFields;
    const until = new Date(expiration * 1000).toISOString().replace(".000Z", "Z");
    const covered = typeText(typeCovered);
    return `signs the ${covered} records: key ${keyTag} of ${signersName}, good until ${until}`;
  }
  if (record.type === "NSEC") {
    const types = (record.data as { readonly rrtypes: readonly string[] }).rrtypes.map(typeText);
    const listed = types.filter((type) => type !== "RRSIG" && type !== "NSEC");
    if (listed.includes("NXNAME")) return "proves that there is no such name (RFC 9824)";
    if (listed.length === 0) return "proves that the name has no records, only names below it";
    return `proves that the name has no other types than ${listed.join(", ")} (RFC 9824)`;
  }
  return record.type === "DS" ? "names the key that the child zone is signed with" : undefined;
}

/** The decoder knows no name for type 128. */
function typeText(type: string): string {
  return type === "UNKNOWN_128" ? "NXNAME" : type.replace("UNKNOWN_", "TYPE");
}
