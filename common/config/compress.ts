import { z } from "zod";
import { size } from "./fields.ts";

/** `text/*`, `application/json` or `*+json`; becomes lower case. */
const mediaTypes = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(
    z
      .string()
      .regex(
        /^(?:[a-z0-9!#$&^_.+-]+\/(?:\*|[a-z0-9!#$&^_.+-]+)|\*\+[a-z0-9.-]+)$/,
        "must be a media type such as text/html, text/* or *+json",
      ),
  );

/** What is text, or shrinks as text does. Everything else is usually compressed already. */
const TYPES = [
  "text/*",
  "*+json",
  "*+xml",
  "application/json",
  "application/javascript",
  "application/x-javascript",
  "application/xml",
  "application/wasm",
  "application/vnd.apple.mpegurl",
  "application/x-mpegurl",
  "application/vnd.ms-fontobject",
  "application/x-font-ttf",
  "font/otf",
  "font/ttf",
  "image/bmp",
  "image/x-icon",
  "image/vnd.microsoft.icon",
];

const CODINGS = ["zstd", "br", "gzip"] as const;

/** What edges make of stored responses that their origin has not encoded. */
export const compressSchema = z
  .strictObject({
    codings: z
      .array(z.enum(CODINGS))
      .min(1, "needs at least one coding; to encode nothing, leave `compress` out")
      .refine((codings) => new Set(codings).size === codings.length, "names a coding twice")
      .default([...CODINGS])
      .describe("What is made; of those that a client likes as much as one another, the first."),
    types: z
      .array(mediaTypes)
      .min(1, "needs at least one media type")
      .default(TYPES)
      .describe("Media types that are encoded: `text/html`, `text/*` or `*+json`."),
    min: size.default(2 ** 10).describe("Smaller bodies are left alone."),
    max: size.default(4 * 2 ** 20).describe("So are larger ones; at most 64MiB."),
  })
  .superRefine(({ min, max }, context) => {
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: "custom", path: [key], message });
    if (max > 64 * 2 ** 20) refuse("max", "must not be above 64MiB");
    if (min > max) refuse("min", "must not be above `max`");
  });

/** A site's wishes: sizes in bytes. */
export type CompressOptions = z.infer<typeof compressSchema>;
