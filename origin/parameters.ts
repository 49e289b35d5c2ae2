import { fail, ok, type Result } from "../common/result.ts";
import { type Answer, errorAnswer } from "./answer.ts";

/** A whole number in a query: its default and its limits, both included. */
export interface NumberParameter {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** What each parameter is called, and what it may be. */
type NumberParameters = Readonly<Record<string, NumberParameter>>;

/**
 * Reads whole numbers from a query (P). Everything wrong is reported at once, with the limits;
 * parameters that a route does not have are ignored, so that `?n=1` can be used to get a new key.
 */
export function readNumbers<P extends NumberParameters>(
  query: URLSearchParams,
  parameters: P,
): Result<{ readonly [K in keyof P]: number }, string> {
  const values: Record<string, number> = {};
  const problems: string[] = [];
  for (const [name, { fallback, min, max }] of Object.entries(parameters)) {
    const text = query.get(name);
    const value = text === null ? fallback : Number(text);
    if (text === "" || !Number.isInteger(value) || value < min || value > max) {
      problems.push(`${name} must be a whole number from ${min} to ${max}, not "${text}"`);
    }
    values[name] = value;
  }
  return problems.length > 0
    ? fail(problems.join("; "))
    : ok(values as { readonly [K in keyof P]: number });
}

/** Calls `answer` with the numbers of the query, or answers 400 and what is wrong with them (P). */
export function withNumbers<P extends NumberParameters>(
  query: URLSearchParams,
  parameters: P,
  answer: (numbers: { readonly [K in keyof P]: number }) => Answer,
): Answer {
  const numbers = readNumbers(query, parameters);
  return numbers.ok ? answer(numbers.value) : errorAnswer(400, numbers.error);
}

/** A number of seconds in a query, up to a year. */
export function seconds(fallback: number): NumberParameter {
  return { fallback, min: 0, max: 31_536_000 };
}

/** A number of milliseconds in a query, up to a minute: no request may hold a socket for longer. */
export function milliseconds(fallback: number): NumberParameter {
  return { fallback, min: 0, max: 60_000 };
}
