import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { SocketAddress } from "../../common/address.ts";

/** An exchange that takes longer than this fails its test. */
const DEADLINE_MS = 30_000;

/** A request over a connection of its own, to an address that has nothing to do with its URL. */
export interface FetchOptions {
  readonly at: SocketAddress;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Uint8Array | string;
  readonly signal?: AbortSignal;
  readonly withinMs?: number;
}

/** A whole response, bytes as they came. */
export interface FetchedResponse {
  readonly status: number;
  /** Field lines in order, names in lower case, repeated ones apart. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** Milliseconds from the call to the response head, and to the last byte. */
  readonly headMs: number;
  readonly totalMs: number;
  /** All lines of one field joined with commas; undefined if there is none. */
  field(name: string): string | undefined;
}

/** Asks for `url` at `options.at`, as `curl --connect-to` does. Rejects if the body breaks off. */
export function fetchAt(url: string, options: FetchOptions): Promise<FetchedResponse> {
  const target = new URL(url);
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(options.withinMs ?? DEADLINE_MS);
    const signal =
      options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
    const request = httpRequest({
      host: options.at.host,
      port: options.at.port,
      method: options.method ?? "GET",
      path: `${target.pathname}${target.search}`,
      headers: { host: target.host, ...(options.headers as Record<string, string>) },
      agent: false,
      signal,
    });
    request.once("error", reject);
    request.once("response", (response) => {
      const headMs = performance.now() - start;
      collect(response).then(
        (body) => resolve(toFetched(response, body, headMs, performance.now() - start)),
        reject,
      );
    });
    request.end(options.body);
  });
}

/** Sends bytes exactly as given on a new connection and gives all that comes until it is closed. */
export function exchangeRaw(
  at: SocketAddress,
  bytes: string | Uint8Array,
  withinMs = DEADLINE_MS,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: at.host, port: at.port });
    socket.setTimeout(withinMs, () => {
      const seen = Buffer.concat(chunks).toString("latin1").slice(0, 2_000);
      socket.destroy(new Error(`connection not closed within ${withinMs} ms; got: ${seen}`));
    });
    socket.once("error", reject);
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.once("close", () => resolve(Buffer.concat(chunks)));
    socket.write(bytes);
  });
}

/** Reads the head of a response as it stood on the wire (P). */
export function parseResponseHead(bytes: Buffer): {
  readonly status: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly rest: Buffer;
} {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) throw new Error(`no whole response head in: ${bytes.toString("latin1")}`);
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const fields = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { status: Number(statusLine.split(" ")[1]), fields, rest: bytes.subarray(end + 4) };
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function toFetched(
  response: IncomingMessage,
  body: Buffer,
  headMs: number,
  totalMs: number,
): FetchedResponse {
  const fields: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    fields.push([response.rawHeaders[i]?.toLowerCase() ?? "", response.rawHeaders[i + 1] ?? ""]);
  }
  return {
    status: response.statusCode ?? 0,
    fields,
    body,
    headMs,
    totalMs,
    field(name) {
      const values = fields.filter(([other]) => other === name).map(([, value]) => value);
      return values.length === 0 ? undefined : values.join(", ");
    },
  };
}
