import { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { KEEP_ALIVE_MS } from "../accept/listener.ts";
import type { RequestHead } from "./request-head.ts";

/** What Node's own server sets of a response, and its types do not know. */
interface ServedResponse extends ServerResponse {
  _keepAliveTimeout: number;
}

/** The types know only the first parameter. */
const Response = ServerResponse as unknown as new (
  request: IncomingMessage,
  options: { readonly highWaterMark: number },
) => ServedResponse;

/**
 * A request that the lane has read, as the path of all requests takes it: with Node's own request
 * and response, on a connection that goes on afterwards. The answer is, byte for byte, what
 * `node:http` would send.
 */
export class PathAnswer {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;

  /** `onEnd` is told when all has been handed to the socket; not if the connection ends before. */
  constructor(socket: Socket, head: RequestHead, onEnd: (staysOpen: boolean) => void) {
    this.request = requestOf(socket, head);
    const response = new Response(this.request, { highWaterMark: socket.writableHighWaterMark });
    response.shouldKeepAlive = head.block.keepAlive;
    response._keepAliveTimeout = KEEP_ALIVE_MS;
    response.assignSocket(socket);
    response.once("finish", () => {
      response.detachSocket(socket);
      process.nextTick(() => {
        response.destroyed = true;
        response.emit("close");
      });
      onEnd(response.shouldKeepAlive);
    });
    this.response = response;
  }

  /** The socket takes more again. */
  drained(): void {
    if (!this.response.writableEnded) this.response.emit("drain");
  }
}

function requestOf(socket: Socket, { method, target, block }: RequestHead): IncomingMessage {
  const request = new IncomingMessage(socket);
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.httpVersion = "1.1";
  request.method = method;
  request.url = target;
  request.rawHeaders = block.raw;
  request.complete = true;
  return request;
}
