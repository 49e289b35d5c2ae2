import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { RouterReport } from "../../state/records.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";

/** How often a router says what it sees. */
const REPORT_EVERY_MS = 1_000;

/** How long a report counts: a router that says nothing for so long is gone. */
const REPORT_TTL_MS = 5_000;

/** What a reporter needs. */
export interface ReporterOptions {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly report: () => RouterReport;
}

/**
 * Tells the store every second what the router sees. One report at a time; a lost one is no news.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  #cancel: () => void = () => undefined;
  #stopped = false;
  #sending = false;
  #again = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
    background(options.log, "router report", this.#send());
  }

  /** Says it at once: others wait for it. If something is being said, right after that. */
  sendNow(): void {
    this.#again = this.#sending;
    if (this.#sending || this.#stopped) return;
    this.#cancel();
    background(this.#options.log, "router report", this.#send());
  }

  /** Says no more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #send(): Promise<void> {
    const { store, clock, log, report } = this.#options;
    this.#sending = true;
    this.#again = false;
    try {
      await store.report(report(), REPORT_TTL_MS);
    } catch (error) {
      // The store being away is known from `state_up`; once a second in the log would help nobody.
      if (!(error instanceof StateUnavailableError)) {
        log.warn({ event: "report-failed", err: error });
      }
    }
    this.#sending = false;
    if (this.#stopped) return;
    this.#cancel = clock.after(this.#again ? 0 : REPORT_EVERY_MS, () => {
      background(log, "router report", this.#send());
    });
  }
}
