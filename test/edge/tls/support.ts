import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import type { SocketAddress } from "../../../common/address.ts";
import type { EdgeTlsOptions } from "../../../edge/tls/service.ts";
import { makeCertificate, type TestCertificate } from "../../support/certificate.ts";
import { runProcess } from "../../support/process.ts";
import { atEnd, type Scope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startTestEdge, type TestEdge, type TestEdgeOptions } from "../harness.ts";

/** An edge of a test that serves over TLS too. */
export interface TlsTestEdge extends TestEdge {
  readonly https: SocketAddress;
  readonly files: TestCertificate;
  /** The folder of its certificates. */
  readonly dir: string;
  /** PEM of the certificate. */
  readonly ca: string;
}

/** Starts an edge with a certificate for `shop.example`, `*.wild.example` and 127.0.0.1. */
export async function startTlsEdge(
  scope: Scope,
  { tls, ...options }: Omit<TestEdgeOptions, "tls"> & { readonly tls?: Partial<EdgeTlsOptions> },
): Promise<TlsTestEdge> {
  const dir = tempDir(scope);
  const files = await makeCertificate(dir, "shop.example", { hosts: ["*.wild.example"] });
  const edge = await startTestEdge(scope, {
    ...options,
    tls: {
      listen: { host: "127.0.0.1", port: 0 },
      files: [files],
      unnamed: "first",
      minVersion: "TLSv1.2",
      http2: true,
      ...tls,
    },
  });
  const { https } = edge.daemon.addresses;
  if (https === undefined) throw new Error("the edge does not serve over TLS");
  return { ...edge, https, files, dir, ca: readFileSync(files.certificate, "utf8") };
}

/** What curl gets for a URL whose host it takes to be at the edge. */
export async function curl(
  edge: TlsTestEdge,
  url: string,
  args: readonly string[] = [],
): Promise<{
  readonly code: number | null;
  readonly head: string;
  readonly body: string;
  readonly stderr: string;
}> {
  const { hostname, port } = new URL(url);
  const target = port === "" ? "443" : port;
  const { host: address, port: open } = edge.https;
  const place = ["--connect-to", `${hostname}:${target}:${address}:${open}`];
  const { code, stdout, stderr } = await runProcess({
    command: "curl",
    args: ["-sSi", "-m", "20", "--cacert", edge.files.certificate, ...place, ...args, url],
  });
  const end = stdout.indexOf("\r\n\r\n");
  const [head, body] = end < 0 ? ["", stdout] : [stdout.slice(0, end), stdout.slice(end + 4)];
  return { code, head: head.toLowerCase(), body, stderr };
}

/** Opens a connection over TLS; rejects if the handshake fails. The scope closes it. */
export function openTls(
  scope: Scope,
  edge: Pick<TlsTestEdge, "https" | "ca">,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const { host, port } = edge.https;
  const socket = connectTls({ host, port, ca: edge.ca, servername: "shop.example", ...options });
  socket.once("secureConnect", () => resolve(socket));
  socket.on("error", reject);
  atEnd(scope, () => {
    socket.destroy();
  });
  return promise;
}

/** Opens a connection of HTTP/2 for `shop.example`. The scope closes it. */
export function openHttp2(scope: Scope, edge: TlsTestEdge): ClientHttp2Session {
  const { host, port } = edge.https;
  const session = connectHttp2(`https://${host}:${port}`, {
    ca: edge.ca,
    servername: "shop.example",
  });
  session.on("error", () => {});
  atEnd(scope, () => session.destroy());
  return session;
}

/** What came on a stream of HTTP/2. */
export interface Http2Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly trailers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Why the stream ended: 0, or an error code of RFC 9113 section 7. */
  readonly code: number;
}

/** Asks on a connection of HTTP/2; resolves when the stream is closed, however. */
export function ask(
  session: ClientHttp2Session,
  fields: Readonly<Record<string, string | string[]>>,
  body?: string,
): Promise<Http2Answer> {
  const { promise, resolve } = Promise.withResolvers<Http2Answer>();
  const stream = session.request(
    { ":authority": "shop.example", ":path": "/", ...fields },
    { endStream: body === undefined },
  );
  const chunks: Buffer[] = [];
  let headers: Http2Answer["headers"] = {};
  let trailers: Http2Answer["trailers"] = {};
  stream.on("response", (came) => {
    headers = came;
  });
  stream.on("trailers", (came) => {
    trailers = came;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => {});
  stream.on("close", () => {
    const status = headers[":status"] === undefined ? undefined : Number(headers[":status"]);
    const { rstCode: code } = stream;
    resolve({ status, headers, trailers, body: Buffer.concat(chunks).toString(), code });
  });
  if (body !== undefined) stream.end(body);
  return promise;
}
