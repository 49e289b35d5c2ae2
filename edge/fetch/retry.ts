import { isSafeMethod } from "../decide/invalidation.ts";
import type { OriginFailure } from "./failure.ts";

/** What is known when an exchange with an origin has failed. */
export interface FailedAttempt {
  readonly failure: OriginFailure;
  /** The socket had carried another exchange before. */
  readonly reused: boolean;
  readonly sent: boolean;
  /** Any part of the response had arrived, a 1xx included. */
  readonly answered: boolean;
  /** RFC 9110 section 9.2.2: sending it twice does what sending it once does. */
  readonly idempotent: boolean;
  /** A request body is being streamed: what was read from the client cannot be read again. */
  readonly streamsBody: boolean;
  /** A retry on a fresh connection has been made already. */
  readonly retried: boolean;
  /** Further addresses of the site's origin that have not been tried. */
  readonly originsLeft: number;
}

/** What to do next. */
export type AttemptVerdict = "retry-fresh" | "next-origin" | "give-up";

/**
 * Whether a failed exchange may be tried again (P).
 *
 * RFC 9112 section 9.3.1: an origin may close an idle connection while the next request is under
 * way, so a request that died on a *reused* connection before any answer is sent once more, on a
 * fresh one, if repeating it is harmless. Nothing else is repeated: an origin that fails on a fresh
 * connection has failed. Where nothing was sent, the next address of the origin is tried.
 */
export function judgeRetry(attempt: FailedAttempt): AttemptVerdict {
  if (attempt.failure.kind === "aborted") return "give-up";
  if (!attempt.sent) return attempt.originsLeft > 0 ? "next-origin" : "give-up";
  const diedUnanswered = attempt.failure.kind === "reset" && !attempt.answered;
  const harmless = attempt.idempotent && !attempt.streamsBody;
  return diedUnanswered && attempt.reused && harmless && !attempt.retried
    ? "retry-fresh"
    : "give-up";
}

/** The answer of one address of an origin, before any of it has been used. */
export interface AnsweredAttempt {
  readonly method: string;
  readonly status: number;
  readonly streamsBody: boolean;
  readonly originsLeft: number;
  /** Statuses on which the site wants the next address to be asked. */
  readonly failoverOn: readonly number[];
}

/**
 * True if another address is asked although this one has answered (P).
 *
 * Only where the site says so, and only a safe request without a body: an address that answers may
 * have done what it was asked (RFC 9110 section 9.2.1).
 */
export function mayFailOver(answer: AnsweredAttempt): boolean {
  const { method, status, streamsBody, originsLeft, failoverOn } = answer;
  return originsLeft > 0 && failoverOn.includes(status) && isSafeMethod(method) && !streamsBody;
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PROPFIND"]);

/** True for methods whose repetition is harmless (P, RFC 9110 section 9.2.2). */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
