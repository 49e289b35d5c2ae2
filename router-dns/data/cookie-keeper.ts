import type { Clock } from "../../common/clock.ts";
import { type FileProblem, formatProblem, readTextFile } from "../../common/file-problem.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import type { Result } from "../../common/result.ts";
import type { CookieSecrets } from "../policy/cookie.ts";
import { dailySecrets, parseSecretFile } from "../policy/cookie-secrets.ts";
import { SIPHASH_KEY_BYTES } from "../policy/siphash.ts";
import { RouterFilesError } from "./files.ts";

/** How often it is looked whether another day has begun. */
const LOOK_EVERY_MS = 60_000;

/** What a keeper needs. */
export interface CookieKeeperOptions {
  /** File of secrets; left out: a secret made up here. */
  readonly secretFile: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Has the cookie secrets of the moment at hand, so that no query waits for them. */
export class CookieKeeper {
  readonly #options: CookieKeeperOptions;
  readonly #master: Uint8Array;
  #secrets: CookieSecrets;
  #cancel: () => void = () => undefined;

  /** Throws a RouterFilesError if the file cannot be used. */
  constructor(options: CookieKeeperOptions) {
    this.#options = options;
    this.#master = options.random.bytes(SIPHASH_KEY_BYTES);
    this.#secrets = this.#today();
    const read = this.#readFile();
    if (read?.ok === false) throw new RouterFilesError(read.error.map(formatProblem));
    if (read?.ok === true) this.#secrets = read.value;
  }

  /** Renews secrets of our own when another day begins. */
  start(): void {
    if (this.#options.secretFile === undefined) this.#renewLater();
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
    this.#cancel();
  }

  #readFile(): Result<CookieSecrets, readonly FileProblem[]> | undefined {
    const { secretFile } = this.#options;
    if (secretFile === undefined) return undefined;
    const text = readTextFile(secretFile);
    return text.ok ? parseSecretFile(text.value, secretFile) : text;
  }

  #today(): CookieSecrets {
    return dailySecrets(this.#master, this.#options.clock.now() / 1_000);
  }

  #renewLater(): void {
    this.#cancel = this.#options.clock.after(LOOK_EVERY_MS, () => {
      this.#secrets = this.#today();
      this.#renewLater();
    });
  }
}
