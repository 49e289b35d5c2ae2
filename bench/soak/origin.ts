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
  response.writeHead(200, {
    "cache-control": content.stored ? "max-age=3600" : "no-store",
    "content-length": content.bytes,
    "content-type": "application/octet-stream",
    etag: `"${content.number}"`,
  });
  response.end(bytesOf(content, 0, content.bytes));
});
const { port } = await listenTcp(server, { host: "127.0.0.1", port: 0 }, "soak origin");
process.stdout.write(`${JSON.stringify({ port })}\n`);
process.stdin.resume().on("end", () => process.exit(0));
