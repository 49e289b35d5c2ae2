import { writeFileSync } from "node:fs";
import { formatProblem, readTextFile } from "../common/file-problem.ts";
import { bundledDatabase } from "../router-dns/data/map-build.ts";
import { openLocations } from "../router-dns/geo/database.ts";
import { runWith } from "./command-line.ts";
import { cityFile, fetchCityDatabase } from "./map/city.ts";
import { type Options, parseOptions, USAGE } from "./simulator/options.ts";
import { drawResult, formatResult } from "./simulator/report.ts";
import { parseScenario, type Scenario } from "./simulator/scenario.ts";
import { replayOf } from "./simulator/world.ts";

process.exitCode = await runWith(parseOptions(process.argv.slice(2)), USAGE, main);

function main(options: Options): number {
  const { scenario: file, seed } = options;
  const text = readTextFile(file);
  const scenario = text.ok ? parseScenario(text.value, file) : text;
  if (!scenario.ok) {
    process.stderr.write(scenario.error.map((problem) => `${formatProblem(problem)}\n`).join(""));
    return 2;
  }
  return simulate({ ...scenario.value, seed: seed ?? scenario.value.seed }, options);
}

function simulate(scenario: Scenario, { isCity, networks, isJson, svg }: Options): number {
  if (isCity) fetchCityDatabase();
  const locations = openLocations(isCity ? [cityFile(4)] : [bundledDatabase()]);
  if (!locations.ok) {
    process.stderr.write(`${locations.error}\n`);
    return 1;
  }
  process.stderr.write("compiling the map\n");
  const result = replayOf(scenario, locations.value, networks).run((part) => {
    process.stderr.write(`${(part * 100).toFixed(0)} %\n`);
  });
  if (svg !== undefined) writeFileSync(svg, drawResult(result));
  process.stdout.write(isJson ? `${JSON.stringify(result, undefined, 2)}\n` : formatResult(result));
  return 0;
}
