import type { EpochMs } from "../../common/clock.ts";
import { CURRENT } from "../../state/purge.ts";
import type { Standing } from "../decide/standing.ts";
import type { StoredResponse } from "../decide/stored.ts";

/** URLs that are remembered; some 200 bytes each. */
const URLS_MAX = 4_096;

const UNSURE: Standing = { kind: "unsure" };

/**
 * Which URLs unsafe requests have changed, and when: for objects that cannot be found by their URL
 * alone, because their keys hold cookies or fields as well. RFC 9111 section 4.4.
 *
 * Of fixed size, for clients decide what comes in: beyond it the oldest URLs count for all, so that
 * more is asked about, never less.
 */
export class Invalidations {
  /** By the part of keys that the URL gives, the oldest first. */
  readonly #at = new Map<string, EpochMs>();
  readonly #max: number;
  #floor: EpochMs;

  /** What was asked for up to `floor` may have been changed by requests that are not known here. */
  constructor(max = URLS_MAX, floor: EpochMs = Number.NEGATIVE_INFINITY) {
    this.#max = max;
    this.#floor = floor;
  }

  /** A request that may have changed what this URL names has been answered. */
  note(base: string, now: EpochMs): void {
    this.#at.delete(base);
    this.#at.set(base, now);
    if (this.#at.size <= this.#max) return;
    for (const [oldest, at] of this.#at) {
      this.#floor = Math.max(this.#floor, at);
      this.#at.delete(oldest);
      return;
    }
  }

  /**
   * How the variants of a key stand, where those that were asked for before the last such request
   * can only be used if the origin confirms them.
   */
  standings(
    base: string,
    responses: readonly StoredResponse[],
    standings: readonly Standing[],
  ): readonly Standing[] {
    const since = Math.max(this.#at.get(base) ?? Number.NEGATIVE_INFINITY, this.#floor);
    if (since === Number.NEGATIVE_INFINITY) return standings;
    return responses.map(({ times }, index) =>
      times.requestTime <= since ? UNSURE : (standings[index] ?? CURRENT),
    );
  }
}
