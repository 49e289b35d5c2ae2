import type { Selection } from "../decide/precondition.ts";
import type { FieldLine, FieldLines } from "../http/fields.ts";
import type { CacheStatus } from "./cache-status.ts";
import type { ClientEdits } from "./client-edits.ts";
import { clientResponseFields } from "./response-fields.ts";
import type { SelectedBody } from "./selected-body.ts";

/** The head of an answer, before what only this edge knows is added. */
export interface AnswerHead {
  readonly fields: FieldLines;
  readonly status: number;
  /** Of the whole body, if known. */
  readonly length: number | undefined;
  readonly selection: Selection;
  readonly body: SelectedBody | undefined;
  readonly cacheStatus: CacheStatus;
  readonly ageSeconds: number | undefined;
}

/** Status and fields of what has been selected, as they go to the client (P). */
export function answerHead(
  head: AnswerHead,
  edge: string,
  edits: ClientEdits | undefined,
): { readonly status: number; readonly fields: FieldLine[] } {
  const { cacheStatus, ageSeconds } = head;
  const { status, fields } = selectedHead(head);
  return {
    status,
    fields: clientResponseFields({ fields, edge, status, cacheStatus, ageSeconds, edits }),
  };
}

/** Status and fields for the part of a representation that is sent. RFC 9110 sections 14 and 15. */
function selectedHead(head: AnswerHead): {
  readonly status: number;
  readonly fields: FieldLines;
} {
  const { status, fields, selection, length, body } = head;
  const without = (...names: string[]) => fields.filter(([name]) => !names.includes(name));
  const empty: FieldLine = ["content-length", "0"];
  switch (selection.kind) {
    case "full":
      return { status, fields };
    case "range":
    case "ranges": {
      const described = body?.fields ?? [];
      const others = without("content-range", ...described.map(([name]) => name));
      return { status: 206, fields: [...others, ...described] };
    }
    case "not-modified":
      return { status: 304, fields };
    case "precondition-failed":
      return { status: 412, fields: [...without("content-length", "content-type"), empty] };
    case "range-not-satisfiable": {
      const range: FieldLine = ["content-range", `bytes */${length ?? "*"}`];
      return { status: 416, fields: [...without("content-length", "content-type"), range, empty] };
    }
  }
}
