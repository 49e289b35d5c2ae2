import type { EpochMs } from "../../common/clock.ts";
import type { FieldLines } from "../http/fields.ts";

/**
 * The facts about a stored response that deciders and stores agree on. The body is not here: no
 * decision depends on its bytes.
 */
export interface StoredResponse {
  readonly status: number;
  /** End-to-end response fields as the origin sent them, hop-by-hop ones removed. */
  readonly fields: FieldLines;
  readonly times: StoredTimes;
  /** Body length in bytes, or undefined while the body is still arriving without Content-Length. */
  readonly bodyBytes: number | undefined;
  /** Method of the request that filled it: GET, or POST by RFC 9110 section 9.3.3. */
  readonly method: string;
  /**
   * Request fields that Vary selected, in the order of Vary, normalised (RFC 9111 section 4.1);
   * empty when the response does not vary.
   */
  readonly varyOn: readonly (readonly [name: string, value: string])[];
  /** Freshness lifetime that a rule of the site imposes, in seconds; it replaces the origin's. */
  readonly ruleTtlSeconds: number | undefined;
  /**
   * Given for a large body that is kept in slices of so many bytes, the last one shorter: each is a
   * stored object of its own under `partKey`, and any of them may be missing. Left out: the object
   * holds its body itself, whole.
   */
  readonly sliceBytes?: number;
}

/** The moments that age arithmetic needs (RFC 9111 section 4.2.3). */
export interface StoredTimes {
  /** When the request that produced (or last validated) it was sent. */
  readonly requestTime: EpochMs;
  /** When that response's head arrived. */
  readonly responseTime: EpochMs;
}
