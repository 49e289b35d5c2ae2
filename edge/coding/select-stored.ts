import { type Selection, selectRepresentation } from "../decide/precondition.ts";
import type { FieldLines } from "../http/fields.ts";
import type { CacheObject } from "../store/store.ts";
import type { Representation } from "./encoded-forms.ts";

/**
 * What a request gets of a stored object (P): all of it, a part, or only that it has it. `sent` is
 * the form in which it goes out, if that is another.
 */
export function selectStored(
  request: { readonly method: string; readonly requestFields: FieldLines },
  object: CacheObject,
  sent: Representation | undefined,
): Selection {
  const { status, fields, times } = sent?.response ?? object.response;
  return selectRepresentation({
    method: request.method,
    requestFields: request.requestFields,
    status,
    fields,
    // Ranges of an encoded form are not offered.
    completeLength: sent?.coding === undefined ? (sent?.object ?? object).bodyBytes : undefined,
    receivedAt: times.responseTime,
  });
}
