import { z } from "zod";

const recordSchema = z.object({
  name: z.string(),
  ttl: z.number(),
  type: z.string(),
  data: z.string(),
  why: z.object({
    source: z.string(),
    text: z.string(),
    file: z.string().optional(),
    line: z.number().optional(),
  }),
});

const messageSchema = z.object({
  rcode: z.string(),
  flags: z.array(z.string()),
  bytes: z.number(),
  zone: z.string().nullable(),
  edns: z
    .object({
      udpBytes: z.number(),
      dnssecOk: z.boolean(),
      clientSubnet: z.object({ source: z.string(), scopePrefixLength: z.number() }).nullable(),
      extendedError: z.number().nullable(),
    })
    .nullable(),
  answer: z.array(recordSchema),
  authority: z.array(recordSchema),
  additional: z.array(recordSchema),
});

/**
 * The parts of a router's explanation that we read. It crosses a process boundary, between
 * versions that may differ: what does not look like this is shown as it is.
 */
const dnsDecisionSchema = z.object({
  query: z.object({ name: z.string(), type: z.string(), client: z.string(), takenFor: z.string() }),
  site: z.string().nullable(),
  answer: z.object({
    rcode: z.string(),
    records: z.array(
      z.object({
        name: z.string(),
        type: z.string(),
        ttl: z.number().optional(),
        data: z.unknown(),
      }),
    ),
    scopePrefixLength: z.number().nullable(),
  }),
  message: messageSchema.optional(),
  signatures: z
    .array(z.object({ section: z.string(), name: z.string(), type: z.string(), why: z.string() }))
    .optional(),
  decision: z
    .object({
      location: z
        .object({
          database: z.string(),
          place: z.object({ latitude: z.number(), longitude: z.number() }).nullish(),
          country: z.string().nullish(),
        })
        .nullable(),
      map: z.object({ prefix: z.string(), reason: z.string() }),
      chosen: z.object({ pop: z.string().nullable(), reason: z.string() }),
      health: z.string().optional(),
      load: z
        .object({
          status: z.string(),
          home: z.string().nullable().optional(),
          keeps: z.number().optional(),
          client: z.number().optional(),
          gives: z.array(z.object({ pop: z.string(), fraction: z.number() })).optional(),
        })
        .optional(),
      ranking: z.array(
        z.object({
          rank: z.number(),
          pop: z.string(),
          km: z.number().nullable(),
          note: z.string(),
          edges: z.array(
            z.object({
              edge: z.string(),
              health: z.string(),
              detail: z.string(),
              answered: z.boolean(),
            }),
          ),
        }),
      ),
    })
    .optional(),
});

/** A router's explanation of one answer. */
export type DnsDecision = z.infer<typeof dnsDecisionSchema>;

/** The answer as it goes out, with a reason for each record. */
export type DnsMessage = z.infer<typeof messageSchema>;

/** Reads an explanation (P); undefined if it is of a shape that we do not know. */
export function readDnsDecision(value: unknown): DnsDecision | undefined {
  const parsed = dnsDecisionSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** The edges that the answer names, best first (P). */
export function answeredEdges(decision: DnsDecision): readonly string[] {
  const ranked = decision.decision?.ranking ?? [];
  return ranked.flatMap(({ edges }) =>
    edges.filter(({ answered }) => answered).map(({ edge }) => edge),
  );
}
