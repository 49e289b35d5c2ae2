import { imposedLifetimeSeconds } from "../decide/imposed.ts";
import { fieldsToStore, judgeStorable, type Storable } from "../decide/storable.ts";
import type { StoredResponse } from "../decide/stored.ts";
import { type FieldLine, type FieldLines, hasField, singleField } from "../http/fields.ts";
import { selectedFields, varyNames } from "../key/variant.ts";
import type { OriginHead } from "./exchange.ts";
import type { FillPlan } from "./fill-plan.ts";
import { exchangeOf } from "./under-rule.ts";

/** Whether an answer is stored under the key of its plan (P): see `judgeStorable`. */
export function judgeAnswer(plan: FillPlan, head: OriginHead): Storable {
  // These speak of the range and the conditions of one request, which are no part of the key.
  const ofOneRequest = head.status === 412 || head.status === 416;
  if (ofOneRequest && (plan.range !== undefined || plan.conditionsKept)) {
    return { store: false, reason: "partial" };
  }
  return judgeStorable(exchangeOf(plan, head));
}

/** What is stored of an answer, its body apart (P). */
export function responseToStore(plan: FillPlan, head: OriginHead): StoredResponse {
  const { method, requestFields, rule } = plan;
  const { status, fields, requestTime, responseTime } = head;
  const names = varyNames(fields);
  const { negativeSeconds } = exchangeOf(plan, head);
  return {
    status,
    fields: fieldsToStore(fields, responseTime),
    times: { requestTime, responseTime },
    bodyBytes: undefined,
    method,
    varyOn: names === "*" ? [] : selectedFields(names, requestFields),
    ruleTtlSeconds: imposedLifetimeSeconds(rule, status, negativeSeconds),
  };
}

/** The length that an answer announces, in bytes; 0 when it does not (P). */
export function announcedBytes({ fields }: { readonly fields: FieldLines }): number {
  return Number(singleField(fields, "content-length") ?? 0);
}

/** Once the body is complete its length is known, also if it came in chunks (P). */
export function withLength(response: StoredResponse, bodyBytes: number): StoredResponse {
  const bodyless = response.status === 204 || response.status === 304;
  if (bodyless || hasField(response.fields, "content-length")) return { ...response, bodyBytes };
  const fields: FieldLine[] = [...response.fields, ["content-length", String(bodyBytes)]];
  return { ...response, fields, bodyBytes };
}
