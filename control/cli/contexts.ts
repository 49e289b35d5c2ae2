import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { usageFailure } from "./failure.ts";

/** Where the API of a CDN is when nobody says anything else. */
export const DEFAULT_API = "http://127.0.0.1:9090";

const contextSchema = z.strictObject({ api: z.url(), token: z.string().optional() });
const contextsSchema = z.strictObject({
  current: z.string().optional(),
  contexts: z.record(z.string(), contextSchema).default({}),
});

/** The CDNs that somebody works with, by name, and which of them is meant without a word. */
export type Contexts = z.infer<typeof contextsSchema>;

/** Where contexts are kept: `meridian/contexts.json` in the user's configuration (XDG). */
export function contextsFile(): string {
  const base = process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config");
  return join(base, "meridian", "contexts.json");
}

/** Reads them; none if there is no file. A file that makes no sense is a CommandFailure. */
export function readContexts(): Contexts {
  const file = contextsFile();
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { contexts: {} };
    throw usageFailure(`${file} cannot be read: ${(error as Error).message}`);
  }
  try {
    return contextsSchema.parse(JSON.parse(text));
  } catch {
    throw usageFailure(
      `${file} does not hold contexts of the command line`,
      "Move it away, and add them again: meridian context add --help.",
    );
  }
}

/** Writes them, whole or not at all, for their owner's eyes only. */
export function writeContexts(contexts: Contexts): void {
  const file = contextsFile();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, file);
}

/**
 * The API of the current context, else the usual one. A file that cannot be read is complained
 * about when a token is looked for in it: daemons do not need it.
 */
export function currentApi(): string {
  try {
    const { current = "", contexts } = readContexts();
    return contexts[current]?.api ?? DEFAULT_API;
  } catch {
    return DEFAULT_API;
  }
}

/**
 * The token to show to an API: MERIDIAN_TOKEN, the file that MERIDIAN_TOKEN_FILE names, or that of
 * a context with this API. Undefined: none, which is enough for the demo.
 */
export function tokenFor(api: string): string | undefined {
  const token = process.env["MERIDIAN_TOKEN"];
  if (token !== undefined && token !== "") return token;
  const file = process.env["MERIDIAN_TOKEN_FILE"];
  if (file !== undefined && file !== "") return readTokenFile(file);
  const { current, contexts } = readContexts();
  const chosen = current === undefined ? undefined : contexts[current];
  if (chosen?.api === api) return chosen.token;
  return Object.values(contexts).find((context) => context.api === api)?.token;
}

/** The one word that a token's file holds. */
export function readTokenFile(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw usageFailure(
      `the token's file ${file} cannot be read: ${(error as Error).message}`,
      "It is the one that the control server's log names (operator-token), or your own.",
    );
  }
}
