import type { Clock } from "../../common/clock.ts";
import type { TokenRecord } from "../../state/records.ts";
import { ApiError } from "../api/errors.ts";
import { callAttempts, failedAttempts } from "./attempts.ts";
import { bearerToken, type Caller, callerOf, hasHash, tokenId } from "./token.ts";

/** Whom the API listens to. */
export type AccessPolicy =
  /** Anybody who reaches it: the demo, or a network that the operator trusts whole. */
  | { readonly kind: "open" }
  /** Whoever shows a token: the operator's own, or one from the state store. */
  | { readonly kind: "tokens"; readonly operatorHash: string };

/** What access rests on. */
export interface AccessOptions {
  readonly policy: AccessPolicy;
  /** The tokens that are in force now, by id. */
  readonly tokens: () => ReadonlyMap<string, TokenRecord>;
  readonly clock: Clock;
}

/** Who a caller is when nobody is asked. */
const ANYBODY: Caller = { name: "api", scope: "admin" };
/** Who shows the token of the server's own file: works without the state store. */
const OPERATOR: Caller = { name: "operator", scope: "admin" };

/** Tells who makes a call. */
export class Access {
  readonly #options: AccessOptions;
  readonly #failed = failedAttempts();
  readonly #calls = callAttempts();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** True if nobody is asked for a token. */
  get isOpen(): boolean {
    return this.#options.policy.kind === "open";
  }

  /**
   * The caller whom an Authorization field shows. Throws an ApiError: `unauthenticated` without a
   * token that is in force, `too-many` if `address` has shown too many that are not, or if a token
   * is used too fast.
   */
  identify(authorization: string | undefined, address: string): Caller {
    const { policy, clock } = this.#options;
    if (policy.kind === "open") return ANYBODY;
    const now = clock.monotonic();
    refuseIfEarly(this.#failed.waitSeconds(address, now), "wrong tokens from this address");
    const text = bearerToken(authorization);
    const caller = text === undefined ? undefined : this.#callerOf(text, policy.operatorHash);
    if (caller === undefined) {
      // Who shows none does not guess: a browser that opens the page, a probe.
      if (authorization !== undefined) this.#failed.spend(address, now);
      throw new ApiError("unauthenticated", {
        message:
          text === undefined
            ? "this API answers those who show a token"
            : "this token is not known here, has been revoked or has expired",
        remedy:
          "Send Authorization: Bearer TOKEN. For the command line: MERIDIAN_TOKEN_FILE, or meridian " +
          "context add. The operator's own token is in the file that the control server's log " +
          'names as "operator-token".',
      });
    }
    const key = caller === OPERATOR ? "operator" : (tokenId(text ?? "") ?? "");
    refuseIfEarly(this.#calls.waitSeconds(key, now), `calls with the token "${caller.name}"`);
    this.#calls.spend(key, now);
    return caller;
  }

  #callerOf(text: string, operatorHash: string): Caller | undefined {
    if (hasHash(text, operatorHash)) return OPERATOR;
    const record = this.#options.tokens().get(tokenId(text) ?? "");
    if (record === undefined || !hasHash(text, record.hash)) return undefined;
    return callerOf(record, this.#options.clock.now());
  }
}

function refuseIfEarly(waitSeconds: number, what: string): void {
  if (waitSeconds === 0) return;
  throw new ApiError("too-many", {
    message: `too many ${what}`,
    remedy: `Try again in ${waitSeconds} s.`,
    retryAfterSeconds: waitSeconds,
  });
}
