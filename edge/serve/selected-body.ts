import { randomUUID } from "node:crypto";
import type { Selection } from "../decide/precondition.ts";
import { type FieldLine, type FieldLines, singleField } from "../http/fields.ts";
import { type BodyPiece, multipartBody } from "./multipart.ts";

/** What of a body goes to a client. */
export interface SelectedBody {
  /** Undefined for the whole. */
  readonly pieces: readonly BodyPiece[] | undefined;
  /** In bytes; undefined for the whole. */
  readonly length: number | undefined;
  /** Fields that describe it, in place of those of the whole. */
  readonly fields: readonly FieldLine[];
}

const WHOLE_BODY: SelectedBody = { pieces: undefined, length: undefined, fields: [] };

/** Undefined when there is no body to send, whatever the method. RFC 9110 sections 14 and 15. */
export function selectedBody(
  selection: Selection,
  fields: FieldLines,
  completeLength: number | undefined,
): SelectedBody | undefined {
  switch (selection.kind) {
    case "full":
      return WHOLE_BODY;
    case "range": {
      const { first, last } = selection;
      const length = last - first + 1;
      return {
        pieces: [selection],
        length,
        fields: [
          ["content-range", `bytes ${first}-${last}/${completeLength ?? "*"}`],
          ["content-length", String(length)],
        ],
      };
    }
    case "ranges":
      return multipartBody({
        ranges: selection.ranges,
        completeLength: completeLength ?? 0,
        contentType: singleField(fields, "content-type"),
        boundary: randomUUID(),
      });
    case "not-modified":
    case "precondition-failed":
    case "range-not-satisfiable":
      return undefined;
  }
}
