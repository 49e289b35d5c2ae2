import type { NameKey } from "../wire/name.ts";
import type { Section } from "../wire/writer.ts";
import type { AliasEnd } from "../zone/alias.ts";
import type { Alias, Rrset, Zone } from "../zone/zone.ts";

/** Where records of an answer come from. */
export type RecordSource =
  /** A set of the zone, or of what its keys add. */
  | "rrset"
  /** Chosen for this client, or what an alias leads to. */
  | "made"
  /** The NSEC record that says what there is not. */
  | "denial"
  /** Signatures of the records before. */
  | "signature"
  /** A delegation, and addresses of name servers. */
  | "delegation"
  | "glue"
  /** The CNAME that a DNAME makes of one name. */
  | "dname-cname"
  /** What the server says about itself. */
  | "server";

/**
 * Told what an answer is made of while it is made, by the very code that makes it. Only who
 * explains an answer has one.
 */
export interface AnswerRecorder {
  /** A zone has been found for a name: for the first, and for the target of each CNAME. */
  entered(zone: Zone, name: NameKey): void;
  /** An alias has been followed. */
  aliased(alias: Alias, end: AliasEnd): void;
  /** A section has `count` records now; those that are new are of that source. */
  wrote(section: Section, count: number, source: RecordSource, rrset: Rrset | undefined): void;
  /** All records so far have been taken back. */
  cleared(): void;
}
