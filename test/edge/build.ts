import type { StoredResponse } from "../../edge/decide/stored.ts";
import type { FieldLine } from "../../edge/http/fields.ts";

/** Noon of a day without any meaning: the moment at which tests happen. */
export const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

/** Field lines of `Name: value` texts, names put in lower case. */
export function lines(...texts: readonly string[]): FieldLine[] {
  return texts.map((text) => {
    const colon = text.indexOf(":");
    return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()];
  });
}

/** An HTTP date so many seconds from NOW. */
export function dateAt(seconds: number): string {
  return new Date(NOW + seconds * 1000).toUTCString();
}

/** A GET response that arrived at NOW without delay, with these fields. */
export function aStored(
  texts: readonly string[],
  others: Partial<StoredResponse> = {},
): StoredResponse {
  return {
    status: 200,
    fields: lines(...texts),
    times: { requestTime: NOW, responseTime: NOW },
    bodyBytes: 10,
    method: "GET",
    varyOn: [],
    ruleTtlSeconds: undefined,
    ...others,
  };
}
