import { negativeLifetimeSeconds } from "../decide/imposed.ts";
import { fieldsUnderRule } from "../decide/rule-fields.ts";
import { judgeStorable } from "../decide/storable.ts";
import { type FieldLines, hasField } from "../http/fields.ts";
import type { OriginHead } from "./exchange.ts";
import type { FillPlan } from "./fill-plan.ts";

/**
 * The head of an answer as its rule lets everybody see it (P): see `fieldsUnderRule`; and with
 * `setCookie: strip`, without Set-Cookie if it can be stored then. What is not stored is for one
 * client, and keeps its cookies.
 */
export function headUnderRule(head: OriginHead, plan: FillPlan): OriginHead {
  const { rule, setCookie, method } = plan;
  const fields = fieldsUnderRule(head.fields, rule, head.responseTime);
  const ruled = fields === head.fields ? head : { ...head, fields: [...fields] };
  if (setCookie !== "strip" || method !== "GET" || !hasField(fields, "set-cookie")) return ruled;
  const stripped = fields.filter(([name]) => name !== "set-cookie");
  const verdict = judgeStorable(exchangeOf(plan, { ...ruled, fields: stripped }));
  return verdict.store ? { ...ruled, fields: stripped } : ruled;
}

/** What storing an answer depends on (P). */
export function exchangeOf(
  plan: FillPlan,
  { status, fields, responseTime: receivedAt }: Omit<OriginHead, "fields"> & { fields: FieldLines },
): Parameters<typeof judgeStorable>[0] {
  const { method, requestFields, profile, rule, bypass, setCookie, site, url: targetUri } = plan;
  const replaces = plan.validating !== undefined;
  const answer = { status, fields, receivedAt, replaces };
  const negativeSeconds = negativeLifetimeSeconds(site.negativeTtl, answer);
  const asked = { method, requestFields, profile, rule, bypass, setCookie, targetUri };
  return { ...asked, status, fields, receivedAt, negativeSeconds };
}
