import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import { type FileProblem, formatProblem, readTextFile } from "../../common/file-problem.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import type { Result } from "../../common/result.ts";
import type { CookieSecrets } from "../policy/cookie.ts";
import { dailySecrets, parseSecretFile, withFormer } from "../policy/cookie-secrets.ts";
import { SIPHASH_KEY_BYTES } from "../policy/siphash.ts";
import { RouterFilesError } from "./files.ts";

/**
 * How often it is looked whether another day has begun, and whether the state store has another
 * secret than this router.
 */
const LOOK_EVERY_MS = 60_000;

/** The same until the store has said for the first time what the secret is. */
const FIRST_LOOK_EVERY_MS = 1_000;

/** What a keeper needs. */
export interface CookieKeeperOptions {
  /** File of secrets; left out: what all routers make of the one that they share. */
  readonly secretFile: string | undefined;
  /** What secrets were made of by the process before, in hexadecimal; left out: made up here. */
  readonly kept?: string;
  /** The secret that routers share, which becomes the one that is proposed if there is none. */
  readonly share?: (proposed: string) => Promise<string>;
  /** Another one is in use from now on. */
  readonly onMaster?: (master: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Has the cookie secrets of the moment at hand, so that no query waits for them. */
export class CookieKeeper {
  readonly #options: CookieKeeperOptions;
  #master: Uint8Array;
  /** What was used before the store said that others use another one. */
  #former: Uint8Array | undefined;
  #isShared = false;
  #isStopped = false;
  #secrets: CookieSecrets;
  #cancel: () => void = () => undefined;

  /** Throws a RouterFilesError if the file cannot be used. */
  constructor(options: CookieKeeperOptions) {
    this.#options = options;
    const { kept, random } = options;
    this.#master = kept ? Buffer.from(kept, "hex") : random.bytes(SIPHASH_KEY_BYTES);
    this.#secrets = this.#today();
    const read = this.#readFile();
    if (read?.ok === false) throw new RouterFilesError(read.error.map(formatProblem));
    if (read?.ok === true) this.#secrets = read.value;
  }

  /** Renews secrets when another day begins, and asks what others use. */
  start(): void {
    if (this.#options.secretFile === undefined) this.#look();
  }

  /** What to make and to check cookies with now. */
  readonly secrets = (): CookieSecrets => this.#secrets;

  /** Reads the file again; one that cannot be used leaves the secrets as they are. */
  reload(): void {
    const read = this.#readFile();
    if (read === undefined) return;
    if (read.ok) {
      this.#secrets = read.value;
      return;
    }
    for (const problem of read.error) {
      this.#options.log.error({ event: "cookie-secrets-kept", reason: formatProblem(problem) });
    }
  }

  /** Renews no more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #readFile(): Result<CookieSecrets, readonly FileProblem[]> | undefined {
    const { secretFile } = this.#options;
    if (secretFile === undefined) return undefined;
    const text = readTextFile(secretFile);
    return text.ok ? parseSecretFile(text.value, secretFile) : text;
  }

  #today(): CookieSecrets {
    const now = this.#options.clock.now() / 1_000;
    const secrets = dailySecrets(this.#master, now);
    const former = this.#former;
    return former === undefined ? secrets : withFormer(secrets, dailySecrets(former, now));
  }

  #look(): void {
    const { clock, log, share } = this.#options;
    this.#secrets = this.#today();
    const isAsking = share !== undefined && !this.#isShared;
    this.#cancel = clock.after(isAsking ? FIRST_LOOK_EVERY_MS : LOOK_EVERY_MS, () => this.#look());
    if (share !== undefined) background(log, "shared cookie secret", this.#ask(share));
  }

  async #ask(share: (proposed: string) => Promise<string>): Promise<void> {
    const before = this.#master;
    const hex = Buffer.from(before).toString("hex");
    try {
      const shared = await share(hex);
      if (this.#isStopped || this.#master !== before) return;
      if (shared !== hex) {
        this.#former = before;
        this.#master = Buffer.from(shared, "hex");
        this.#secrets = this.#today();
      }
      if (shared !== hex || !this.#isShared) this.#options.onMaster?.(shared);
      this.#isShared = true;
    } catch (error) {
      // The store is down: this is asked again, and the secrets of before go on.
      this.#options.log.debug({ event: "cookie-secret-unshared", err: error });
    }
  }
}
