import type { ErrorBody } from "../api/shapes.ts";
import { currentApi, tokenFor } from "./contexts.ts";
import { CommandFailure, usageFailure } from "./failure.ts";

/** How long the API may take for a call that does not itself wait for something. */
const CALL_TIMEOUT_MS = 10_000;

/** One call of the control API. */
export interface ApiCall {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Below `/v1`, such as `/sites`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long the API itself was asked to wait before it answers. */
  readonly waitMs?: number;
  /** Gives the call up. */
  readonly signal?: AbortSignal;
}

/**
 * Calls the control API, that of the current context if none is named, and gives its JSON answer.
 * Whatever stands in the way becomes a CommandFailure that says what to do.
 */
export async function callApi<T>(api: string | undefined, call: ApiCall): Promise<T> {
  const base = api ?? currentApi();
  const url = apiUrl(base, call);
  const token = tokenFor(base);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: call.method ?? "GET",
      signal: AbortSignal.any([
        AbortSignal.timeout(CALL_TIMEOUT_MS + (call.waitMs ?? 0)),
        ...(call.signal === undefined ? [] : [call.signal]),
      ]),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    text = await response.text();
  } catch (error) {
    throw unreachableApi(base, error);
  }
  if (response.ok) return readAnswer(base, text) as T;
  throw refusal(base, response.status, text);
}

function apiUrl(base: string, call: ApiCall): URL {
  const root = URL.parse(base);
  if (root === null || !/^https?:$/.test(root.protocol)) {
    throw usageFailure(
      `"${base}" is not the URL of a control API`,
      "Give one like --api http://127.0.0.1:9090, or set MERIDIAN_API.",
    );
  }
  const url = new URL(`/v1${call.path}`, root);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    for (const text of [value ?? []].flat()) url.searchParams.append(name, text);
  }
  return url;
}

function unreachableApi(base: string, error: unknown): CommandFailure {
  const timedOut = error instanceof DOMException && error.name === "TimeoutError";
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : null;
  const detail = timedOut
    ? "it did not answer in time"
    : (cause?.code ?? cause?.message ?? String(error));
  return new CommandFailure(`cannot reach the control API at ${base}: ${detail}`, {
    remedy:
      "Start a CDN (meridian demo, or meridian up --config cdn.yaml), or say where its API is: " +
      "--api URL or MERIDIAN_API.",
  });
}

function readAnswer(base: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandFailure(`${base} answered something that is not JSON`, {
      remedy: "Is that really the control API? Its default address is http://127.0.0.1:9090.",
    });
  }
}

function refusal(base: string, status: number, text: string): CommandFailure {
  let body: Partial<ErrorBody>;
  try {
    body = JSON.parse(text) as Partial<ErrorBody>;
  } catch {
    body = {};
  }
  if (body.error === undefined) {
    return new CommandFailure(`${base} answered ${status}, and not as the control API does`);
  }
  const { message, remedy, field, problems = [{ field: field ?? "", message }] } = body.error;
  const lines = problems.map((problem) =>
    problem.field === "" ? problem.message : `${problem.field}: ${problem.message}`,
  );
  return new CommandFailure(lines.join("\n"), {
    ...(remedy === undefined ? {} : { remedy }),
    exitCode: 1,
  });
}
