/** What went wrong between this edge and an origin. A closed set: metrics and answers use it. */
export type OriginFailureKind =
  /** Nobody listens, no route, name not found, TLS refused. Nothing was sent. */
  | "connect"
  | "connect-timeout"
  /** More exchanges wait for a connection than the pool allows. Nothing was sent. */
  | "busy"
  /** The connection ended before a response head. */
  | "reset"
  | "first-byte-timeout"
  /** The body paused for longer than the site allows. */
  | "idle-timeout"
  /** The whole exchange took longer than the site allows. */
  | "total-timeout"
  /** The body ended before its announced end. */
  | "truncated"
  /** Bytes that are not HTTP/1.1. */
  | "protocol"
  /** We gave up because nobody needs the answer any more. */
  | "aborted";

/** One failed exchange. */
export interface OriginFailure {
  readonly kind: OriginFailureKind;
  /** For logs and `explain`, never for clients. */
  readonly detail: string;
}

/** How far an exchange had come when it failed. */
export interface ExchangeProgress {
  /** The request had begun to be written. */
  readonly sent: boolean;
  /** A final response head had arrived. */
  readonly headSeen: boolean;
}

/** Names what an error of the client library means (P). */
export function classifyFailure(error: Error, progress: ExchangeProgress): OriginFailure {
  const code = (error as NodeJS.ErrnoException).code ?? error.name;
  const detail = `${code}: ${error.message}`;
  const kind = kindOf(code, progress);
  return { kind, detail };
}

function kindOf(code: string, progress: ExchangeProgress): OriginFailureKind {
  switch (code) {
    case "UND_ERR_ABORTED":
      return "aborted";
    case "UND_ERR_CONNECT_TIMEOUT":
      return "connect-timeout";
    case "UND_ERR_HEADERS_TIMEOUT":
      return "first-byte-timeout";
    case "UND_ERR_BODY_TIMEOUT":
      return "idle-timeout";
    case "UND_ERR_HEADERS_OVERFLOW":
    case "UND_ERR_INVALID_ARG":
    case "UND_ERR_NOT_SUPPORTED":
      return "protocol";
    case "UND_ERR_RES_CONTENT_LENGTH_MISMATCH":
      return "truncated";
    default:
      if (!progress.sent) return "connect";
      if (progress.headSeen) return "truncated";
      return code.startsWith("HPE_") ? "protocol" : "reset";
  }
}
