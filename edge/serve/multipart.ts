import type { ByteRange } from "../decide/ranges.ts";
import type { FieldLine } from "../http/fields.ts";

/** What is sent as a body, in order: bytes that are made here, and ranges of what is stored. */
export type BodyPiece = { readonly literal: Buffer } | ByteRange;

/** A body of several ranges, and the fields that describe it. */
export interface MultipartBody {
  readonly pieces: readonly BodyPiece[];
  /** Of all pieces together, in bytes. */
  readonly length: number;
  /** For the head, in place of those of the whole. There is no Content-Range among them. */
  readonly fields: readonly FieldLine[];
}

/** What a multipart body is made of. */
export interface MultipartParts {
  /** At least two. */
  readonly ranges: readonly ByteRange[];
  /** Of the whole representation. */
  readonly completeLength: number;
  /** Of the whole representation; left out of the parts when it has none. */
  readonly contentType: string | undefined;
  /** A token that does not occur in the representation: at random, and long. */
  readonly boundary: string;
}

/** True for bytes that are made here (P). */
export function isLiteral(piece: BodyPiece): piece is { readonly literal: Buffer } {
  return "literal" in piece;
}

/**
 * The body of a 206 with several ranges, as pieces (P). RFC 9110 sections 14.6 and 15.3.7.2.
 *
 * The bytes of the representation are not copied: pieces say which of them stand where.
 */
export function multipartBody(parts: MultipartParts): MultipartBody {
  const { ranges, completeLength, contentType, boundary } = parts;
  const type = contentType === undefined ? "" : `Content-Type: ${contentType}\r\n`;
  const pieces: BodyPiece[] = [];
  let delimiter = `--${boundary}\r\n`;
  for (const range of ranges) {
    const place = `Content-Range: bytes ${range.first}-${range.last}/${completeLength}\r\n\r\n`;
    pieces.push({ literal: Buffer.from(delimiter + type + place, "latin1") }, range);
    delimiter = `\r\n--${boundary}\r\n`;
  }
  pieces.push({ literal: Buffer.from(`\r\n--${boundary}--\r\n`, "latin1") });
  const length = pieces.reduce((sum, piece) => sum + pieceLength(piece), 0);
  return {
    pieces,
    length,
    fields: [
      ["content-type", `multipart/byteranges; boundary=${boundary}`],
      ["content-length", String(length)],
    ],
  };
}

function pieceLength(piece: BodyPiece): number {
  return isLiteral(piece) ? piece.literal.length : piece.last - piece.first + 1;
}
