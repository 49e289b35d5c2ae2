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

/** A line for the logger of another thread. */
export interface RelayedLine {
  readonly level: "info" | "warn" | "error";
  /** What was logged; errors as their type, message and stack. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A logger of which another one writes the lines; what is below `info` is left out. */
export function relayLogger(relay: (line: RelayedLine) => void): Logger {
  const levels = { 30: "info", 40: "warn", 50: "error" } as const;
  const write = (text: string): void => {
    const { level, time: _, ...facts } = JSON.parse(text) as Record<string, unknown>;
    relay({ level: levels[level as keyof typeof levels], facts });
  };
  return pino({ level: "info", base: null }, { write });
}
