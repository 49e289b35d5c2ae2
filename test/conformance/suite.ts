import type { IncomingMessage, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** One test of the public suite `http-cache-tests`. */
export interface SuiteTest {
  readonly id: string;
  readonly name: string;
  /** Left out: required. */
  readonly kind?: "required" | "optimal" | "check";
  readonly depends_on?: readonly string[];
  readonly browser_only?: boolean;
}

/** True, or the kind of failure (`Assertion`, `Setup`, ...) and what was wrong. */
export type SuiteResult = true | readonly [kind: string, message: string];

/** Handles requests of one of the three paths that the suite's origin has. */
type SuiteHandler = (
  segments: string[],
  request: IncomingMessage,
  response: ServerResponse,
) => void;

const requireFromSuite = createRequire(
  createRequire(import.meta.url).resolve("http-cache-tests/package.json"),
);

async function load<T>(path: string): Promise<T> {
  const file = requireFromSuite.resolve(`./${path}`);
  return (await import(pathToFileURL(file).href)) as T;
}

/** All tests of the suite that a client other than a browser can run. */
export async function suiteTests(): Promise<SuiteTest[]> {
  const { default: sets } = await load<{ default: { tests: SuiteTest[] }[] }>("tests/index.mjs");
  return sets.flatMap(({ tests }) => tests).filter(({ browser_only: only }) => only !== true);
}

/** The suite's origin, as a handler for `node:http`. */
export async function suiteOrigin(): Promise<
  (request: IncomingMessage, response: ServerResponse) => void
> {
  const names = ["config", "state", "test"] as const;
  const handlers = new Map<string, SuiteHandler>();
  for (const name of names) {
    const module = await load<{ default: SuiteHandler }>(`server/handle-${name}.mjs`);
    handlers.set(name, module.default);
  }
  return (request, response) => {
    const [, first = "", ...rest] = new URL(request.url ?? "/", "http://origin").pathname.split(
      "/",
    );
    const handler = handlers.get(first);
    if (handler !== undefined) handler(rest, request, response);
    else response.writeHead(404).end();
  };
}

/** Runs the whole suite against a cache at `base`, such as `http://127.0.0.1:8080`. */
export async function runSuite(base: string): Promise<Record<string, SuiteResult>> {
  const { default: sets } = await load<{ default: unknown }>("tests/index.mjs");
  const runner = await load<{
    runTests(sets: unknown, fetch: unknown, browser: boolean, base: string, chunk: number): unknown;
    getResults(): Record<string, SuiteResult>;
  }>("client/runner.mjs");
  await runner.runTests(sets, requireFromSuite("node-fetch"), false, base, 25);
  return runner.getResults();
}
