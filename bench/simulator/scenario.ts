import { z } from "zod";
import type { CheckProblem } from "../../common/config/check.ts";
import { bitRate, duration, label } from "../../common/config/fields.ts";
import { parseDocumentAs } from "../../common/config/load.ts";
import { loadSchema } from "../../common/config/schema.ts";
import type { FileProblem } from "../../common/file-problem.ts";
import type { Result } from "../../common/result.ts";

/** A set of edges is kept as the bits of one number. */
const EDGES_MAX = 16;

/** Crowds are kept as the bits of one number. */
const CROWDS_MAX = 4;

const place = z.tuple([z.number().min(-90).max(90), z.number().min(-180).max(180)]);
const edges = z.int().min(1).max(EDGES_MAX);

const crowdSchema = z.strictObject({
  /** After midnight UTC. */
  at: duration,
  for: duration,
  ramp: duration.default(300_000),
  near: place,
  /** Kilometres. */
  within: z.number().positive(),
  times: z.number().min(0).max(1_000),
});

const lossSchema = z.strictObject({ pop: label, at: duration, for: duration });

const scenarioSchema = z.strictObject({
  hours: z.number().min(0.1).max(168).default(24),
  seed: z.int().min(1).default(1),
  /** `capacity` is that of one edge. */
  pops: z
    .array(z.strictObject({ name: label, location: place, edges, capacity: bitRate }))
    .max(1_000)
    .default([]),
  /** PoPs where most demand is, `apart` km from one another; `capacity` is that of all together. */
  generate: z
    .strictObject({
      count: z.int().min(1).max(1_000),
      apart: z.number().min(0).default(0),
      edges,
      capacity: bitRate,
    })
    .optional(),
  demand: z.strictObject({
    /** Of all clients together, at the hour of most demand, without crowds. */
    peak: bitRate,
    /** The least of a place's day, as a part of its most. */
    night: z.number().min(0).max(1).default(0.3),
    /** A prefix counts by its addresses to the power of this. */
    damping: z.number().min(0).max(1).default(0.5),
    noise: z.number().min(0).max(0.5).default(0.03),
    sites: z.int().min(1).max(10_000).default(50),
  }),
  events: z
    .array(z.union([z.strictObject({ crowd: crowdSchema }), z.strictObject({ loss: lossSchema })]))
    .max(100)
    .default([]),
  policy: z
    .strictObject({
      load: loadSchema.pick({ mode: true, target: true, settle: true }).prefault({}),
      ttl: duration.refine((ms) => ms >= 5_000, "must be at least 5s").default(20_000),
      answers: z.int().min(1).max(16).default(4),
      heartbeatDelay: duration.default(2_000),
      detection: duration.default(3_000),
      session: duration.default(30_000),
    })
    .prefault({}),
});

/** What is replayed: PoPs, demand, what happens, and how steering is set. Durations in ms. */
export type Scenario = z.infer<typeof scenarioSchema>;

/** More demand than usual around a place. */
export type Crowd = z.infer<typeof crowdSchema>;

/** A PoP that is gone for a while. */
export type Loss = z.infer<typeof lossSchema>;

/** Checks the text of a scenario (P): all problems, with line and column. */
export function parseScenario(
  text: string,
  file: string,
): Result<Scenario, readonly FileProblem[]> {
  return parseDocumentAs(text, file, { schema: scenarioSchema, check: checkScenario });
}

/** The crowds of a scenario. */
export function crowdsOf({ events }: Scenario): readonly Crowd[] {
  return events.flatMap((event) => ("crowd" in event ? [event.crowd] : []));
}

/** The losses of a scenario. */
export function lossesOf({ events }: Scenario): readonly Loss[] {
  return events.flatMap((event) => ("loss" in event ? [event.loss] : []));
}

function checkScenario(scenario: Scenario): readonly CheckProblem[] {
  const { pops, generate, events } = scenario;
  const problems: CheckProblem[] = [];
  if ((pops.length === 0) === (generate === undefined)) {
    problems.push({ path: ["pops"], message: "either pops or generate is needed" });
  }
  const names = new Set<string>();
  for (const [i, { name }] of pops.entries()) {
    if (names.has(name)) problems.push({ path: ["pops", i, "name"], message: `${name} is taken` });
    names.add(name);
  }
  for (let i = 0; i < (generate?.count ?? 0); i += 1) names.add(`p${i}`);
  for (const [i, event] of events.entries()) {
    if ("loss" in event && !names.has(event.loss.pop)) {
      const message = `there is no PoP ${event.loss.pop}`;
      problems.push({ path: ["events", i, "loss", "pop"], message });
    }
  }
  if (crowdsOf(scenario).length > CROWDS_MAX) {
    problems.push({ path: ["events"], message: `at most ${CROWDS_MAX} crowds` });
  }
  return problems;
}
