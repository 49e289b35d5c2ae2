import { readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { background } from "../../common/background.ts";
import type { Clock, EpochMs } from "../../common/clock.ts";
import type { Site } from "../../common/config/site.ts";
import type { Logger } from "../../common/log.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { decodeSecret, decodeSite } from "../../state/codec.ts";

/** What a router needs of the shared state to begin without the store. */
export interface KeptState {
  readonly savedAt: EpochMs;
  /** That the serial of the CDN's own zone is made of: it must not go back. */
  readonly version: number;
  readonly sites: readonly Site[];
  /** Names of the edges that are drained. */
  readonly drained: readonly string[];
  /** What cookie secrets are made of, 32 hexadecimal digits. */
  readonly cookieMaster?: string;
}

/** What a keeper is told from time to time. */
export type KeptPart = Partial<Omit<KeptState, "savedAt">>;

/** Changes that come together are written together. */
const WRITE_AFTER_MS = 500;

/** Only the router may read it: it has a secret. */
const FILE_MODE = 0o600;

const head = z.object({
  format: z.literal("meridian-router 1"),
  savedAt: z.number().nonnegative(),
  version: z.number().int().nonnegative(),
  sites: z.array(z.unknown()),
  drained: z.array(z.string()),
  cookieMaster: z.string().optional(),
});

/** The content of the file of a state (P). */
export function encodeKeptState(kept: KeptState): string {
  return `${JSON.stringify({ format: "meridian-router 1", ...kept })}\n`;
}

/** Reads the content of the file (P). Fails with a sentence, and then with all of it. */
export function decodeKeptState(text: string): Result<KeptState, string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail("it is damaged");
  }
  const parsed = head.safeParse(json);
  if (!parsed.success) return fail("it was not written by this version of Meridian");
  const { savedAt, version, drained, cookieMaster } = parsed.data;
  const sites: Site[] = [];
  for (const each of parsed.data.sites) {
    const site = decodeSite(JSON.stringify(each));
    if (!site.ok) return fail(`a site cannot be read: ${site.error}`);
    sites.push(site.value);
  }
  if (cookieMaster !== undefined && !decodeSecret(cookieMaster).ok) return fail("it is damaged");
  return ok({ savedAt, version, sites, drained, ...(cookieMaster ? { cookieMaster } : {}) });
}

/**
 * Keeps the last state of the store in a file, so that a router that is started while the store is
 * dead answers as before. Written aside and renamed: there is always a whole file.
 */
export class StateKeeper {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #kept: KeptPart = {};
  #cancel: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string, clock: Clock, log: Logger) {
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
  }

  /** What was kept; undefined if there is nothing that can be used, which is logged. */
  read(): KeptState | undefined {
    let text: string;
    try {
      text = readFileSync(this.#file, "utf8");
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT") this.#log.error({ event: "kept-state-refused", reason: message });
      return undefined;
    }
    const kept = decodeKeptState(text);
    if (kept.ok) {
      const { savedAt, version, sites } = kept.value;
      const ageSeconds = Math.round((this.#clock.now() - savedAt) / 1000);
      this.#log.info({ event: "kept-state-used", version, sites: sites.length, ageSeconds });
      this.#kept = kept.value;
      return kept.value;
    }
    const reason = `${this.#file}: ${kept.error}; going on without it`;
    this.#log.error({ event: "kept-state-refused", reason }, reason);
    return undefined;
  }

  /** Takes what is new, and writes it soon. Nothing is written before there are sites. */
  keep(part: KeptPart): void {
    this.#kept = { ...this.#kept, ...part };
    if (this.#kept.sites === undefined || this.#cancel !== undefined) return;
    this.#cancel = this.#clock.after(WRITE_AFTER_MS, () => {
      this.#cancel = undefined;
      background(this.#log, "keep the state", this.#write());
    });
  }

  /** Writes what has not been written; resolves when it is. */
  async stop(): Promise<void> {
    const isDue = this.#cancel !== undefined;
    this.#cancel?.();
    this.#cancel = undefined;
    if (isDue) await this.#write();
    await this.#writing;
  }

  #write(): Promise<void> {
    this.#writing = this.#writeAfter(this.#writing);
    return this.#writing;
  }

  async #writeAfter(before: Promise<void>): Promise<void> {
    await before;
    const { version = 0, sites = [], drained = [], cookieMaster } = this.#kept;
    const kept = { savedAt: this.#clock.now(), version, sites, drained };
    const text = encodeKeptState({ ...kept, ...(cookieMaster ? { cookieMaster } : {}) });
    try {
      await mkdir(dirname(this.#file), { recursive: true });
      await writeFile(`${this.#file}.new`, text, { mode: FILE_MODE });
      await rename(`${this.#file}.new`, this.#file);
    } catch (error) {
      this.#log.error({ event: "state-not-kept", file: this.#file, err: error });
    }
  }
}
