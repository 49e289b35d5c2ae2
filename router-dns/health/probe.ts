import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request } from "node:http";
import { request as requestTls } from "node:https";
import { connect } from "node:net";
import type { ConnectionOptions, SecureContext } from "node:tls";
import { systemClock } from "../../common/clock.ts";

/** What must come back over HTTP. */
export interface ExpectedAnswer {
  /** Statuses (`200`) and classes (`2xx`). */
  readonly expect: readonly (number | string)[];
  /** Text that must stand in the first `BODY_BYTES_MAX`; left out: the content does not matter. */
  readonly body?: string;
}

interface HttpTarget extends ExpectedAnswer {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Value of Host. */
  readonly authority: string;
}

interface HttpsTarget extends HttpTarget {
  readonly kind: "https";
  /** The authority is a name here: it is also sent as SNI, and the certificate must have it. */
  readonly tls: { readonly context: SecureContext; readonly verify: boolean };
}

/** What is asked, and how long it may take. */
export type ProbeTarget =
  | ({ readonly kind: "http" } & HttpTarget)
  | HttpsTarget
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** How a probe ended, in words for people: `200 in 3 ms`, `connection refused`. */
export interface ProbeResult {
  readonly works: boolean;
  readonly detail: string;
}

/** Octets of content in which a text is looked for; what is behind them is not read. */
export const BODY_BYTES_MAX: number = 64 * 2 ** 10;

/**
 * Asks one edge once, over a connection of its own: a kept one could outlive the process that it
 * should watch. HTTP must answer what is expected; TCP must accept. Resolves within `timeoutMs`,
 * never rejects.
 */
export async function probe(target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  try {
    return await exchange(target, timeoutMs);
  } catch (error) {
    // What Node refuses to send at all, such as a path with a space in it.
    return { works: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether a status is one of `expect`, or in one of its classes (P). */
export function isExpected(status: number, expect: ExpectedAnswer["expect"]): boolean {
  return expect.includes(status) || expect.includes(`${Math.floor(status / 100)}xx`);
}

function exchange(target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const started = systemClock.monotonic();
    const exchange = target.kind === "tcp" ? startTcp(target) : startHttp(target);
    const timer = setTimeout(finish, timeoutMs, false, `no answer in ${timeoutMs} ms`);
    timer.unref();
    exchange.onAnswer((works, what) =>
      finish(works, `${what} in ${Math.round(systemClock.monotonic() - started)} ms`),
    );
    exchange.onError((error) => finish(false, explain(error)));

    function finish(works: boolean, detail: string): void {
      clearTimeout(timer);
      exchange.destroy();
      resolve({ works, detail });
    }
  });
}

interface Exchange {
  onAnswer(then: (works: boolean, what: string) => void): void;
  /** May be called more than once: destroying an exchange can make it fail again. */
  onError(then: (error: NodeJS.ErrnoException) => void): void;
  destroy(): void;
}

function startHttp(target: HttpsTarget | Extract<ProbeTarget, { kind: "http" }>): Exchange {
  const outgoing = send(target);
  let failed: (error: NodeJS.ErrnoException) => void = () => undefined;
  outgoing.on("error", (error) => failed(error));
  outgoing.end();
  return {
    onAnswer: (then) =>
      outgoing.on("response", (response) => {
        // A response that is cut off fails by itself, not by its request.
        response.on("error", (error) => failed(error));
        judge(response, target, then);
      }),
    onError: (then) => {
      failed = then;
    },
    destroy: () => outgoing.destroy(),
  };
}

function send(target: HttpsTarget | Extract<ProbeTarget, { kind: "http" }>): ClientRequest {
  const { host, port, path, authority } = target;
  const headers = { host: authority, "user-agent": "meridian-router" };
  const options = { host, port, path, headers, agent: false };
  if (target.kind === "http") return request(options);
  const { context, verify } = target.tls;
  const secure: RequestOptions & ConnectionOptions = {
    ...options,
    servername: authority,
    secureContext: context,
    rejectUnauthorized: verify,
  };
  return requestTls(secure);
}

/** Says what an answer is worth, as soon as that is certain. */
function judge(
  response: IncomingMessage,
  { expect, body }: ExpectedAnswer,
  then: (works: boolean, what: string) => void,
): void {
  const status = response.statusCode ?? 0;
  if (!isExpected(status, expect)) return then(false, String(status));
  if (body === undefined) return then(true, String(status));
  const wanted = Buffer.from(body);
  let seen = Buffer.alloc(0);
  response.on("data", (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk.subarray(0, BODY_BYTES_MAX - seen.length)]);
    if (seen.includes(wanted)) then(true, String(status));
    else if (seen.length === BODY_BYTES_MAX) {
      then(false, `${status} without "${body}" in its first ${BODY_BYTES_MAX} octets`);
    }
  });
  response.on("end", () => then(false, `${status} without "${body}" in its content`));
}

function startTcp(target: Extract<ProbeTarget, { kind: "tcp" }>): Exchange {
  const socket = connect({ host: target.host, port: target.port });
  return {
    onAnswer: (then) => socket.on("connect", () => then(true, "connected")),
    onError: (then) => socket.on("error", then),
    destroy: () => socket.destroy(),
  };
}

/** Codes with which OpenSSL and Node refuse a certificate, beside those that begin with CERT_. */
const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

function explain(error: NodeJS.ErrnoException): string {
  const { code = "", message } = error;
  if (CERTIFICATE_CODES.has(code) || code.startsWith("CERT_")) {
    return `certificate refused: ${message}`;
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) return explainTls(message);
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
      return "connection reset";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no route to it";
    default:
      return message;
  }
}

/** Finds the reason in `write EPROTO <thread>:error:<number>:<library>:<function>:<reason>:...`. */
function explainTls(message: string): string {
  const reason = /:error:[^:]*:[^:]*:[^:]*:([^:]+)/.exec(message)?.[1] ?? message;
  return reason === "wrong version number" ? "does not speak TLS" : `TLS failed: ${reason}`;
}
