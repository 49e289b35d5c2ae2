import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { listenTcp } from "../../common/listen.ts";
import { freePort } from "../support/free-port.ts";
import { RunningProcess, runProcess } from "../support/process.ts";

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

/** By the id of the test. */
export type SuiteResults = Readonly<Record<string, SuiteResult>>;

/** One edition of the suite: its tests, and a way to put a cache between its client and origin. */
export interface SuiteEdition {
  /** All tests that a client other than a browser can run. */
  readonly tests: readonly SuiteTest[];
  /** Where its origin listens. */
  readonly originUrl: string;
  /** Runs everything against a cache at `base`, such as `http://127.0.0.1:8080`. */
  run(base: string): Promise<SuiteResults>;
  stop(): Promise<void>;
}

/** The edition that is installed from npm, or the checkout in a folder. */
export function openEdition(folder: string | undefined): Promise<SuiteEdition> {
  return folder === undefined ? openNpmEdition() : openCheckout(folder);
}

/** All tests of an edition that a client other than a browser can run. */
export async function suiteTests(folder: string | undefined): Promise<SuiteTest[]> {
  const root = folder ?? dirname(NPM_PACKAGE);
  const index = pathToFileURL(join(root, "tests", "index.mjs")).href;
  const { default: sets } = (await import(index)) as { default: { tests: SuiteTest[] }[] };
  return sets.flatMap(({ tests }) => tests).filter(({ browser_only: only }) => only !== true);
}

const NPM_PACKAGE = createRequire(import.meta.url).resolve("http-cache-tests/package.json");
const requireFromSuite = createRequire(NPM_PACKAGE);

/** Tests of the npm edition that run at the same time. */
const CONCURRENT_TESTS = 25;

/** Far above the minute that a run takes, nearly all of it pauses. */
const RUN_MS_MAX = 240_000;

/** Handles requests of one of the three paths that the suite's origin has. */
type SuiteHandler = (
  segments: string[],
  request: IncomingMessage,
  response: ServerResponse,
) => void;

async function load<T>(path: string): Promise<T> {
  const file = requireFromSuite.resolve(`./${path}`);
  return (await import(pathToFileURL(file).href)) as T;
}

/** In this process: its own server listens on a fixed port, and its results are module state. */
async function openNpmEdition(): Promise<SuiteEdition> {
  const origin = createServer(await npmOrigin());
  const { port } = await listenTcp(origin, { host: "127.0.0.1", port: 0 }, "suite origin");
  const { default: sets } = await load<{ default: unknown }>("tests/index.mjs");
  const runner = await load<{
    runTests(sets: unknown, fetch: unknown, browser: boolean, base: string, chunk: number): unknown;
    getResults(): SuiteResults;
  }>("client/runner.mjs");
  return {
    tests: await suiteTests(undefined),
    originUrl: `http://127.0.0.1:${port}`,
    async run(base) {
      await runner.runTests(sets, requireFromSuite("node-fetch"), false, base, CONCURRENT_TESTS);
      return runner.getResults();
    },
    async stop() {
      origin.close();
      origin.closeAllConnections();
    },
  };
}

async function npmOrigin(): Promise<(request: IncomingMessage, response: ServerResponse) => void> {
  const names = ["config", "state", "test"] as const;
  const handlers = new Map<string, SuiteHandler>();
  for (const name of names) {
    const module = await load<{ default: SuiteHandler }>(`server/handle-${name}.mjs`);
    handlers.set(name, module.default);
  }
  return (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://origin");
    const [, first = "", ...rest] = pathname.split("/");
    const handler = handlers.get(first);
    if (handler !== undefined) handler(rest, request, response);
    else response.writeHead(404).end();
  };
}

/** By its own server and command line, as its README says: they change from edition to edition. */
async function openCheckout(folder: string): Promise<SuiteEdition> {
  const engine = ["test-engine", "."].find((part) => existsSync(join(folder, part, "cli.mjs")));
  if (engine === undefined) throw new Error(`no checkout of http-tests/cache-tests: ${folder}`);
  const port = await freePort();
  const common = { command: process.execPath, cwd: folder };
  const server = new RunningProcess({
    ...common,
    args: [join(engine, "server", "server.mjs")],
    env: {
      npm_config_protocol: "http",
      npm_config_port: String(port),
      npm_config_pidfile: "/dev/null",
    },
  });
  await server.waitForLine("stdout", (line) => (line.includes("Listening") ? true : undefined));
  return {
    tests: await suiteTests(folder),
    originUrl: `http://127.0.0.1:${port}`,
    async run(base) {
      const client = await runProcess(
        {
          ...common,
          args: ["--no-warnings", join(engine, "cli.mjs")],
          env: { npm_config_base: base, npm_config_id: "", npm_package_config_id: "" },
        },
        RUN_MS_MAX,
      );
      const start = client.stdout.indexOf("{");
      if (start < 0) throw new Error(`the suite printed no results: ${client.stderr}`);
      return JSON.parse(client.stdout.slice(start)) as SuiteResults;
    },
    async stop() {
      await server.kill();
    },
  };
}
