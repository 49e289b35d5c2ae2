import { z } from "zod";
import type { FileProblem } from "../../common/file-problem.ts";
import type { Result } from "../../common/result.ts";
import { ROUND_TRIPS_BYTES_MAX } from "../../state/limits.ts";
import type { RoundTripTable } from "../../state/records.ts";
import type { ApiContext, ApiServer } from "./context.ts";
import { ApiError } from "./errors.ts";
import type { LatencyBody, LatencyPutBody } from "./shapes.ts";

/** How much stands in a table. */
export interface RoundTripSize {
  readonly prefixes: number;
  readonly ways: number;
}

/** Reads a table as routers do, and says how much it is or everything that is wrong with it. */
export type CheckRoundTrips = (text: string) => Result<RoundTripSize, readonly FileProblem[]>;

const NOTHING: RoundTripSize = { prefixes: 0, ways: 0 };

const getSchema = {
  querystring: z.strictObject({
    table: z.stringbool().default(false).describe("True: the table itself, too."),
  }),
};
const putSchema = {
  body: z
    .union([z.string(), z.record(z.string(), z.record(z.string(), z.number()))])
    .describe("Lines of `prefix,pop,milliseconds` as text, or PoPs and milliseconds by prefix."),
};

/** `/v1/latency`: measured round trips, for the maps of all routers. */
export function addLatencyRoutes(
  app: ApiServer,
  { store, clock }: ApiContext,
  check: CheckRoundTrips,
): void {
  const need = (scope: "read" | "admin") => ({ need: { scope, about: "cdn" } }) as const;
  const put = (by: string, text: string, size: RoundTripSize) =>
    store.putRoundTrips({ at: clock.now(), by, ...size, text });

  app.get(
    "/v1/latency",
    { schema: getSchema, config: need("read") },
    async (call): Promise<LatencyBody> => {
      const [table, reports] = await Promise.all([store.roundTrips(), store.reports()]);
      const routers = reports.map(({ router, roundTrips }) => ({
        name: router,
        ...(roundTrips === undefined ? {} : { version: roundTrips }),
      }));
      return {
        ...(table === undefined ? { version: 0, ...NOTHING } : putBody(table)),
        routers,
        ...(call.query.table ? { table: table?.text ?? "" } : {}),
      };
    },
  );

  app.put(
    "/v1/latency",
    { schema: putSchema, config: need("admin") },
    async (call): Promise<LatencyPutBody> => {
      const text = typeof call.body === "string" ? call.body : JSON.stringify(call.body);
      return putBody(await put(call.caller.name, text, sizeOf(text, check)));
    },
  );

  app.delete("/v1/latency", { config: need("admin") }, async (call): Promise<LatencyPutBody> => {
    return putBody(await put(call.caller.name, "", NOTHING));
  });
}

/** How much a table is; refuses one that is wrong, with the lines where it is. */
function sizeOf(text: string, check: CheckRoundTrips): RoundTripSize {
  if (Buffer.byteLength(text) > ROUND_TRIPS_BYTES_MAX) {
    throw new ApiError("too-large", {
      message: `a table has at most ${ROUND_TRIPS_BYTES_MAX} bytes`,
      remedy: "Give larger ones to each router as a file: `latency.file`.",
    });
  }
  const size = check(text);
  if (size.ok) return size.value;
  const problems = size.error.map(({ line, message }) => ({ field: `line ${line}`, message }));
  const [first = { field: "", message: "is not valid" }] = problems;
  throw new ApiError("invalid", {
    ...first,
    remedy: 'Lines like "192.0.2.0/24,syd,12.5", or JSON like {"192.0.2.0/24": {"syd": 12.5}}.',
    ...(problems.length > 1 ? { problems } : {}),
  });
}

function putBody({ version, at, by, prefixes, ways }: RoundTripTable): LatencyPutBody {
  return { version, at: new Date(at).toISOString(), by, prefixes, ways };
}
