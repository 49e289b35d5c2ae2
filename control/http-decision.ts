import { z } from "zod";

/**
 * The parts of an edge's explanation that we read. It crosses a process boundary, between versions
 * that may differ: what does not look like this is shown as it is.
 */
const httpDecisionSchema = z.object({
  url: z.string(),
  method: z.string(),
  state: z.object({ status: z.string(), version: z.number() }),
  site: z.string().optional(),
  rule: z
    .object({
      match: z.unknown(),
    })
    .nullish(),
  /** The rule in words: what it asks, and what it does. */
  ruleText: z.string().optional(),
  key: z.string().optional(),
  /** What the origin would be asked for. */
  origin: z.object({ host: z.string(), target: z.string() }).optional(),
  /** Where a rule sends the client. */
  redirect: z.object({ status: z.number(), location: z.string() }).optional(),
  stored: z
    .array(
      z.object({
        status: z.number(),
        bytes: z.number(),
        ageSeconds: z.number(),
        ttlSeconds: z.number(),
        varyOn: z.array(z.tuple([z.string(), z.string()])),
        encoding: z
          .object({
            /** Why it is not encoded. */
            reason: z.string().optional(),
            /** Bytes of each encoded form; 0 for one that would not be shorter. */
            forms: z.record(z.string(), z.number()).optional(),
          })
          .optional(),
        /** Of a large object: bytes of a slice, slices of the whole, and those in memory. */
        slices: z.object({ bytes: z.number(), count: z.number(), inMemory: z.number() }).optional(),
      }),
    )
    .optional(),
  decision: z.object({ kind: z.string(), reason: z.string().optional() }),
  fillUnderWay: z.boolean().optional(),
  coalesced: z.boolean().optional(),
});

/** An edge's explanation of what it would do with one request. */
export type HttpDecision = z.infer<typeof httpDecisionSchema>;

/** Reads an explanation (P); undefined if it is of a shape that we do not know. */
export function readHttpDecision(value: unknown): HttpDecision | undefined {
  const parsed = httpDecisionSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
