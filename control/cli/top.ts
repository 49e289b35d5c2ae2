import type { Command } from "commander";
import type { LiveBody } from "../api/live-figures.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, clientCommand, printJson } from "./client-command.ts";
import { CommandFailure } from "./failure.ts";
import { plainText, topScreen } from "./top-screen.ts";
import { TopTerminal } from "./top-terminal.ts";
import { readInterval } from "./values.ts";

const EXAMPLES = `
Examples:
  meridian top
  meridian top --interval 5s
  meridian top --once | grep down
  meridian top --json --once | jq '.edges[] | select(.health != "up")'`;

/** Edges and routers tell their figures once a second: asking more often shows nothing new. */
const INTERVAL_MS = 1_000;

interface TopFlags extends ClientFlags {
  readonly interval: number;
  readonly once?: boolean;
}

/** `meridian top`: what every edge, PoP and router does just now, again and again. */
export function topCommand(): Command {
  return clientCommand("top")
    .description("watch what edges, PoPs, routers and sites do: q ends it")
    .option("--interval <duration>", "from one look to the next (default: 1s)", readInterval)
    .option("--once", "look once, print that and end")
    .addHelpText("after", EXAMPLES)
    .action((flags: Omit<TopFlags, "interval"> & { readonly interval?: number }) =>
      runTop({ ...flags, interval: flags.interval ?? INTERVAL_MS }),
    );
}

async function runTop(flags: TopFlags): Promise<void> {
  const look = (signal: AbortSignal) => callApi<LiveBody>(flags.api, { path: "/live", signal });
  const stop = new AbortController();
  const end = () => stop.abort();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, end);
  // `meridian top | head` has read what it wanted.
  process.stdout.once("error", end);
  // Who mistyped the address, or shows no token, reads so on the screen that is theirs.
  const first = await look(stop.signal);
  if (flags.once === true) return flags.json === true ? printJson(first) : print(first);
  const watch = { first, look, intervalMs: flags.interval, stop };
  await (flags.json !== true && isScreen() ? watchScreen(watch) : watchLines(watch, flags));
}

interface Watch {
  readonly first: LiveBody;
  readonly look: (signal: AbortSignal) => Promise<LiveBody>;
  readonly intervalMs: number;
  readonly stop: AbortController;
}

function isScreen(): boolean {
  return process.stdout.isTTY && process.stdin.isTTY && process.env["TERM"] !== "dumb";
}

/** On a terminal: one screen, which survives a control server that is away for a while. */
async function watchScreen({ first, look, intervalMs, stop }: Watch): Promise<void> {
  let figures = first;
  let notice: string | undefined;
  const show = () => terminal.draw(topScreen(figures, terminal.size(), notice));
  const terminal = new TopTerminal(
    { input: process.stdin, output: process.stdout },
    {
      quit: () => stop.abort(),
      resize: () => show(),
      withColour: process.env["NO_COLOR"] === undefined,
    },
  );
  try {
    show();
    while (await paused(intervalMs, stop.signal)) {
      try {
        figures = await look(stop.signal);
        notice = undefined;
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error;
        notice = `What you see is old: ${error.message.split("\n", 1)[0]}`;
      }
      if (!stop.signal.aborted) show();
    }
  } finally {
    terminal.close();
  }
}

/** Into a file or a pipe: one look after the other, and an end with exit code 1 when one fails. */
async function watchLines(
  { first, look, intervalMs, stop }: Watch,
  { json }: Pick<TopFlags, "json">,
): Promise<void> {
  const show = (figures: LiveBody) => {
    if (json === true) process.stdout.write(`${JSON.stringify(figures)}\n`);
    else print(figures, "\n");
  };
  show(first);
  while (await paused(intervalMs, stop.signal)) {
    try {
      show(await look(stop.signal));
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  }
}

function print(figures: LiveBody, after = ""): void {
  const columns = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  process.stdout.write(plainText(topScreen(figures, { columns })) + after);
}

/** Resolves with true after a while, or with false as soon as it is to stop. */
async function paused(ms: number, stop: AbortSignal): Promise<boolean> {
  if (stop.aborted) return false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = () => resolve();
  stop.addEventListener("abort", wake, { once: true });
  await promise;
  clearTimeout(timer);
  stop.removeEventListener("abort", wake);
  return !stop.aborted;
}
