import type { EpochMs } from "../../common/clock.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { FieldLines } from "../http/fields.ts";
import { explicitLifetimeSeconds } from "./freshness.ts";
import { lifetimeMs } from "./rule-fields.ts";

/** Lifetimes in ms by status (`404`) or class of statuses (`5xx`). */
export type NegativeTtl = Readonly<Record<string, number>>;

/** An answer, as far as lifetimes that a site imposes depend on it. */
export interface ImposedOn {
  readonly status: number;
  readonly fields: FieldLines;
  readonly receivedAt: EpochMs;
  /** It would take the place of something that is stored. */
  readonly replaces: boolean;
}

/**
 * The lifetime that a site gives an answer that states none, in seconds; undefined when it gives
 * none (P).
 *
 * An exact status goes before its class. A 5xx never takes the place of what is stored already: it
 * is what may stand in for the origin when it fails (RFC 9111 section 4.2.4).
 */
export function negativeLifetimeSeconds(
  table: NegativeTtl | undefined,
  answer: ImposedOn,
): number | undefined {
  const { status, fields, receivedAt, replaces } = answer;
  const ms = table?.[String(status)] ?? table?.[`${Math.floor(status / 100)}xx`];
  if (ms === undefined || (replaces && status >= 500)) return undefined;
  return explicitLifetimeSeconds(fields, receivedAt) === undefined ? ms / 1000 : undefined;
}

/**
 * The lifetime that replaces the origin's for a status, in seconds: the rule's, else that of
 * failures (P).
 */
export function imposedLifetimeSeconds(
  rule: SiteRule | undefined,
  status: number,
  negativeSeconds: number | undefined,
): number | undefined {
  const ms = lifetimeMs(rule?.ttl, status);
  return ms === undefined ? negativeSeconds : ms / 1000;
}
