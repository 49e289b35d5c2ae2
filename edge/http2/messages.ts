import {
  constants,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { ReadableOptions } from "node:stream";
import { readHttp2Head } from "./request-head.ts";

/** A request of HTTP/2 whose `rawHeaders` are those that one of HTTP/1.1 would have. */
export class EdgeHttp2Request extends Http2ServerRequest {
  readonly isMalformed: boolean;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: ReadableOptions,
    rawHeaders: readonly string[],
  ) {
    super(stream, headers, options, rawHeaders);
    const { lines, isMalformed } = readHttp2Head(rawHeaders, !stream.endAfterHeaders);
    this.isMalformed = isMalformed;
    Object.defineProperty(this, "rawHeaders", { value: lines });
  }
}

/** A response of HTTP/2 that does what the path of all requests expects of one of HTTP/1.1. */
export class EdgeHttp2Response extends Http2ServerResponse<EdgeHttp2Request> {
  declare readonly setTrailer: (name: string, value: string) => void;

  constructor(stream: ServerHttp2Stream) {
    super(stream);
    Object.defineProperty(this, "destroyed", { get: () => stream.destroyed });
  }

  /** What has been cut short must not look complete: RFC 9113 section 8.1. */
  override destroy(): this {
    const { stream } = this;
    if (stream.destroyed) return this;
    if (!stream.writableFinished) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return this;
  }

  /** Node's own takes an object only. */
  override addTrailers(trailers: object): void {
    if (!Array.isArray(trailers)) super.addTrailers(trailers as Record<string, string>);
    else for (const [name, value] of trailers as [string, string][]) this.setTrailer(name, value);
  }
}
