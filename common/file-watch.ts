import { stat } from "node:fs/promises";
import { background } from "./background.ts";
import type { Clock } from "./clock.ts";
import type { Logger } from "./log.ts";

/** How often it is looked whether files have changed. */
const LOOK_EVERY_MS = 2_000;

/** What a watch needs beside its files. */
export interface FileWatchOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when a file has changed and is still what it was a look later. */
  readonly onChange: () => void;
}

/**
 * Looks every few seconds whether one of some files has changed. A file that is being written is
 * not read before it has been left alone from one look to the next.
 */
export class FileWatch {
  readonly #files: readonly string[];
  readonly #options: FileWatchOptions;
  #told: string | undefined;
  #seen = "";
  #isStopped = false;
  #cancel: () => void = () => undefined;

  constructor(files: readonly string[], options: FileWatchOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** Looks from now on. What the files are now is not a change. */
  start(): void {
    if (this.#files.length > 0) background(this.#options.log, "file watch", this.#look());
  }

  /** Looks no more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const states = await Promise.all(this.#files.map(stateOf));
    if (this.#isStopped) return;
    const state = states.join(" ");
    const isSettled = state === this.#seen;
    this.#seen = state;
    this.#told ??= state;
    if (isSettled && state !== this.#told) {
      this.#told = state;
      this.#options.onChange();
    }
    const { clock, log } = this.#options;
    this.#cancel = clock.after(LOOK_EVERY_MS, () => {
      background(log, "file watch", this.#look());
    });
  }
}

/** Differs when a file is written, replaced or pointed elsewhere. */
export async function stateOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(file);
    return `${ino}.${size}.${mtimeMs}.${ctimeMs}`;
  } catch {
    return "missing";
  }
}
