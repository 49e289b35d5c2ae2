import { pino, stdTimeFunctions } from "pino";
import pretty from "pino-pretty";

/** What a daemon logs through. Every call gives `{ event: "kebab-case-name", ...facts }` first. */
export type Logger = Pick<pino.Logger, "debug" | "info" | "warn" | "error" | "child">;

/** How log lines look: one JSON object a line, or columns for people. */
export type LogStyle = "json" | "pretty";

/**
 * Makes the logger of a process. Writes to stderr, synchronously, so that the last line before an
 * exit is not lost; stdout belongs to what a command prints.
 */
export function createLogger(style: LogStyle, level = "info"): Logger {
  if (style === "pretty") {
    const stream = pretty({ destination: 2, sync: true, ignore: "pid,hostname", colorize: false });
    return pino({ level, base: null }, stream);
  }
  const options = { level, base: null, timestamp: stdTimeFunctions.isoTime };
  return pino(options, pino.destination({ dest: 2, sync: true }));
}

/** A logger that says nothing, for tests and for commands that print their own story. */
export const silentLogger: Logger = pino({ level: "silent" });
