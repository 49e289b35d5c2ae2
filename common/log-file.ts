import { close, open, openSync, write } from "node:fs";
import type { Clock } from "./clock.ts";
import type { Logger } from "./log.ts";

/** Lines are handed to the operating system when there are so many bytes of them. */
const WRITE_BYTES = 131_072;

/** Or after so long, so that who watches the file sees them. */
const WRITE_AFTER_MS = 500;

/** Bytes of lines that may wait for a slow disk or reader; beyond it lines are dropped. */
const WAITING_BYTES_MAX = 8 * 2 ** 20;

/** After a failure, or while a pipe is full, it is tried again so much later. */
const RETRY_MS = 100;

/** What became of lines. */
export type LineFate = "written" | "dropped" | "failed";

/** Where lines go and who hears of them. */
export interface LogFileOptions {
  /** `stdout`, or a file that lines are added to. */
  readonly to: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly count: (fate: LineFate, lines: number) => void;
}

/** A file of a log that cannot be opened at the start. */
export class LogFileError extends Error {}

/**
 * A log that nobody waits for: lines are kept in memory and written behind, one write at a time, by
 * Node's threads. When the disk is slower than the lines come, the newest are dropped and counted.
 */
export class LogFile {
  readonly #options: LogFileOptions;
  #file: number;
  #text = "";
  #lines = 0;
  /** What is being written, and how many lines it is. */
  #writing: { bytes: Buffer; readonly lines: number } | undefined;
  #cancel: (() => void) | undefined;
  #isFailing = false;
  #isReopening: Promise<void> | undefined;
  #stopped: PromiseWithResolvers<void> | undefined;

  /** Opens the file, and makes it if there is none. Throws a LogFileError if that cannot be. */
  constructor(options: LogFileOptions) {
    this.#options = options;
    try {
      this.#file = options.to === "stdout" ? 1 : openSync(options.to, "a", 0o640);
    } catch (error) {
      throw new LogFileError(`the log cannot be written: ${String(error)}`);
    }
  }

  /** Adds lines, each of printable ASCII and with a line feed at its end. Never waits. */
  add(text: string, lines = 1): void {
    if (this.#text.length + text.length > WAITING_BYTES_MAX || this.#stopped !== undefined) {
      this.#options.count("dropped", lines);
      return;
    }
    this.#text += text;
    this.#lines += lines;
    if (this.#text.length >= WRITE_BYTES) this.#write();
    else if (this.#cancel === undefined && this.#writing === undefined) {
      this.#writeAfter(WRITE_AFTER_MS);
    }
  }

  /**
   * Opens the file of that name anew, for who has moved the old one away (logrotate). If that
   * fails, the old one is written on.
   */
  reopen(): Promise<void> {
    this.#isReopening ??= this.#reopen().finally(() => {
      this.#isReopening = undefined;
    });
    return this.#isReopening;
  }

  async #reopen(): Promise<void> {
    const { to, log } = this.#options;
    if (to === "stdout" || this.#stopped !== undefined) return;
    const opened = await new Promise<number | undefined>((resolve) => {
      open(to, "a", 0o640, (error, file) => {
        if (error !== null) log.error({ event: "log-reopen-failed", file: to, err: error });
        resolve(error === null ? file : undefined);
      });
    });
    if (opened === undefined) return;
    const old = this.#file;
    this.#file = opened;
    // What is being written goes to the old file, or to both in whole lines: never half to each.
    await this.#written();
    await closeFile(old);
    log.info({ event: "log-reopened", file: to });
  }

  /** Writes what there is and closes the file; gives up what takes longer than `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#stopped === undefined) {
      this.#stopped = Promise.withResolvers<void>();
      const stopped = this.#stopped;
      const cancel = this.#options.clock.after(deadlineMs, () => stopped.resolve());
      await this.#isReopening;
      this.#write();
      this.#endIfDone();
      await stopped.promise;
      cancel();
      this.#cancel?.();
      this.#options.count("dropped", this.#lines + (this.#writing?.lines ?? 0));
      this.#lines = 0;
      if (this.#options.to !== "stdout") await closeFile(this.#file);
    }
    await this.#stopped.promise;
  }

  #writeAfter(ms: number): void {
    this.#cancel = this.#options.clock.after(ms, () => {
      this.#cancel = undefined;
      this.#write();
    });
  }

  #write(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#writing === undefined) {
      if (this.#text === "") return;
      // Lines are ASCII: a byte for each character.
      this.#writing = { bytes: Buffer.from(this.#text, "latin1"), lines: this.#lines };
      this.#text = "";
      this.#lines = 0;
      this.#writeOut(this.#file);
    }
  }

  /** A write may take a part of what it is given: the rest follows, into the same file. */
  #writeOut(file: number): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    write(file, writing.bytes, 0, writing.bytes.length, null, (error, count) => {
      if (error?.code === "EAGAIN") {
        this.#options.clock.after(RETRY_MS, () => this.#writeOut(file));
        return;
      }
      if (error !== null) {
        this.#afterWrite("failed", writing.lines, error);
        return;
      }
      writing.bytes = writing.bytes.subarray(count);
      if (writing.bytes.length > 0) this.#writeOut(file);
      else this.#afterWrite("written", writing.lines);
    });
  }

  #afterWrite(fate: LineFate, lines: number, error?: Error): void {
    const { count, log, to } = this.#options;
    this.#writing = undefined;
    count(fate, lines);
    // One line of the daemon's own log for each turn for the worse, not one for each write.
    if (error !== undefined && !this.#isFailing) {
      log.error({ event: "log-write-failed", file: to, err: error });
    }
    this.#isFailing = error !== undefined;
    this.#endIfDone();
    for (const resolve of this.#waiting.splice(0)) resolve();
    if (this.#stopped !== undefined) this.#write();
    else if (this.#text.length >= WRITE_BYTES && error === undefined) this.#write();
    else if (this.#text !== "" && this.#cancel === undefined) {
      this.#writeAfter(error === undefined ? WRITE_AFTER_MS : RETRY_MS);
    }
  }

  readonly #waiting: (() => void)[] = [];

  /** Resolves when what is being written now has been. */
  async #written(): Promise<void> {
    if (this.#writing === undefined) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #endIfDone(): void {
    if (this.#text === "" && this.#writing === undefined) this.#stopped?.resolve();
  }
}

function closeFile(file: number): Promise<void> {
  return new Promise((resolve) => {
    close(file, () => resolve());
  });
}

/** Where the log of one daemon goes: `{name}` in a file name stands for it (P). */
export function logFileOf(to: string, name: string): string {
  return to.replaceAll("{name}", name);
}
