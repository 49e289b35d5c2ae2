import { createServer } from "node:http";
import { listenTcp } from "../../common/listen.ts";
import { bytesOf, contentOf } from "./content.ts";

/*
 * The origin of the soak, a process of its own: gives each path its bytes, and says its address on
 * stdout. It ends with its parent.
 */

const server = createServer((request, response) => {
  const content = contentOf(request.url ?? "");
  if (content === undefined) {
    response.writeHead(404, { "content-length": 0 }).end();
    return;
  }
  const range = rangeOf(request.headers.range, content.bytes);
  response.writeHead(range === undefined ? 200 : 206, {
    "accept-ranges": "bytes",
    ...(range === undefined
      ? {}
      : { "content-range": `bytes ${range.first}-${range.last}/${content.bytes}` }),
    "cache-control": content.stored ? "max-age=3600" : "no-store",
    "content-length": range === undefined ? content.bytes : range.last - range.first + 1,
    "content-type": "application/octet-stream",
    etag: `"${content.number}"`,
  });
  const { first, last } = range ?? { first: 0, last: content.bytes - 1 };
  response.end(bytesOf(content, first, last - first + 1));
});
const { port } = await listenTcp(server, { host: "127.0.0.1", port: 0 }, "soak origin");
process.stdout.write(`${JSON.stringify({ port })}\n`);
process.stdin.resume().on("end", () => process.exit(0));

/** The bytes that a request asks for, if it asks for one range that begins inside (P). */
function rangeOf(
  field: string | undefined,
  bytes: number,
): { readonly first: number; readonly last: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(field ?? "");
  const first = Number(match?.[1]);
  if (match === null || first >= bytes) return undefined;
  const last = match[2] === "" ? bytes - 1 : Math.min(bytes - 1, Number(match[2]));
  return { first, last };
}
