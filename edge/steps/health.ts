import type { ClientExchange } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";

/** Answers a router's probe on the public port: 200, or 503 and why no traffic should be sent. */
export function answerHealth({ response }: ClientExchange, edge: EdgeContext): "done" {
  const reason = edge.notReady();
  const body = reason === undefined ? `${edge.name} ok\n` : `${edge.name} ${reason}\n`;
  response.writeHead(reason === undefined ? 200 : 503, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
  return "done";
}
