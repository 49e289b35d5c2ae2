import { AsyncLocalStorage } from "node:async_hooks";
import { axios } from "acme-client";
import { type Dispatcher, request } from "undici";

/** What an exchange with an authority goes through. */
export interface AuthorityTransport {
  readonly dispatcher: Dispatcher;
  /** Ends whatever is under way. */
  readonly signal: AbortSignal;
}

/** An authority said no, said something that makes no sense, or could not be reached. */
export class AuthorityError extends Error {
  override readonly name = "AuthorityError";
  /** What kind of no (RFC 8555 section 6.7), such as `rateLimited`; undefined: it did not say. */
  readonly type: string | undefined;
  /** The status of its answer; undefined: there was none. */
  readonly status: number | undefined;
  /** How long it wants to be left alone (RFC 8555 section 6.6). */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    more: {
      readonly type?: string;
      readonly status?: number;
      readonly retryAfterMs?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.type = more.type;
    this.status = more.status;
    this.retryAfterMs = more.retryAfterMs;
  }
}

/** One exchange: connecting, asking and reading the answer. */
const EXCHANGE_DEADLINE_MS = 30_000;
/** Chains and orders are a few kilobytes. */
const ANSWER_BYTES_MAX = 1024 * 1024;
const ERROR_PREFIX = "urn:ietf:params:acme:error:";
const USER_AGENT = "meridian (acme-client)";

const transports = new AsyncLocalStorage<AuthorityTransport>();
let isInstalled = false;

/** Does something with the client library by way of a transport. */
export function withTransport<T>(
  transport: AuthorityTransport,
  work: () => Promise<T>,
): Promise<T> {
  install();
  return transports.run(transport, work);
}

/**
 * The library's own way to send requests has no deadline, sleeps as long as a server says, and
 * knows no authority of a file: this one takes its place. What it throws passes through as it is.
 */
function install(): void {
  if (isInstalled) return;
  isInstalled = true;
  axios.defaults.adapter = async (config) => {
    const transport = transports.getStore();
    if (transport === undefined) throw new AuthorityError("no transport");
    const url = config.url ?? "";
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(config.headers.toJSON())) {
      if (typeof value === "string") headers[name.toLowerCase()] = value;
    }
    const answer = await exchange(url, transport, {
      method: (config.method ?? "get").toUpperCase(),
      headers: { ...headers, "user-agent": USER_AGENT },
      body: typeof config.data === "string" ? config.data : null,
    });
    const statusText = String(answer.status);
    return {
      data: answer.text,
      status: answer.status,
      statusText,
      headers: answer.headers,
      config,
    };
  };
}

async function exchange(
  url: string,
  { dispatcher, signal }: AuthorityTransport,
  asked: Pick<Dispatcher.RequestOptions, "method" | "headers"> & { readonly body: string | null },
): Promise<{ status: number; headers: Record<string, string>; text: string }> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_DEADLINE_MS)]);
  let status: number;
  let headers: Record<string, string>;
  let text: string;
  try {
    const answer = await request(url, { ...asked, dispatcher, signal: deadline });
    status = answer.statusCode;
    headers = Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
    );
    text = await readBounded(answer.body);
  } catch (error) {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    throw new AuthorityError(`${url} cannot be reached: ${reason}`, { cause: error });
  }
  if (status >= 400) refuse({ url, status, headers, text });
  return { status, headers, text };
}

async function readBounded(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`answers more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

interface Refusal {
  readonly url: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Throws what an answer with an error says; a spent nonce is for the library, which has others. */
function refuse({ url, status, headers, text }: Refusal): void {
  const problem = problemOf(text);
  const type = problem?.type?.replace(ERROR_PREFIX, "");
  if (type === "badNonce") return;
  const retryAfterMs = retryAfter(headers["retry-after"]);
  const said = problem?.detail ?? `HTTP ${status}`;
  throw new AuthorityError(`${new URL(url).host} says: ${said}`, {
    status,
    ...(type === undefined ? {} : { type }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** A problem document (RFC 7807), as far as it can be read. */
function problemOf(text: string): { type?: string; detail?: string } | undefined {
  try {
    const { type, detail } = JSON.parse(text) as { type?: unknown; detail?: unknown };
    return {
      ...(typeof type === "string" ? { type } : {}),
      ...(typeof detail === "string" ? { detail } : {}),
    };
  } catch {
    return undefined;
  }
}

/** Retry-After (RFC 9110 section 10.2.3) in seconds, as milliseconds; a date is not understood. */
function retryAfter(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,7}$/.test(value) ? Number(value) * 1_000 : undefined;
}
