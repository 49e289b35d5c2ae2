/** A value, or why there is none. Used wherever the outside world can be wrong. */
export type Result<T, E> = { readonly ok: true; readonly value: T } | Failure<E>;

/** The unhappy half of a Result. */
export type Failure<E> = { readonly ok: false; readonly error: E };

/** Wraps a value as a successful Result (P). */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** Wraps a reason as a failed Result (P). */
export function fail<E>(error: E): Failure<E> {
  return { ok: false, error };
}
