import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { listenTcp } from "../../common/listen.ts";

/*
 * Programs of bench/http.ts, each a process of its own: `origin` answers /BYTES/anything with so
 * many bytes that may be kept for an hour; `raw BYTES` writes the same answer to whatever comes,
 * which is what a server of `node:net` can do at most. They say their port on stdout.
 */

const [program = "", size = "0"] = process.argv.slice(2);
const ANY = { host: "127.0.0.1", port: 0 };

const server = program === "raw" ? rawServer(Number(size)) : originServer();
const { port } = await listenTcp(server, ANY, `bench ${program}`);
process.stdout.write(`${JSON.stringify({ port })}\n`);

function originServer() {
  return createHttpServer((request, response) => {
    const bytes = Number(/^\/(\d+)/.exec(request.url ?? "")?.[1] ?? 0);
    response.writeHead(200, {
      "cache-control": "max-age=3600",
      "content-length": bytes,
      "content-type": "application/octet-stream",
      etag: `"${bytes}"`,
      "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    });
    response.end(Buffer.alloc(bytes, "0123456789abcdef"));
  });
}

function rawServer(bytes: number) {
  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\nage: 1\r\n\r\n`;
  const body = Buffer.alloc(bytes, "0123456789abcdef");
  return createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", () => {
      socket.cork();
      socket.write(head, "latin1");
      socket.write(body);
      socket.uncork();
    });
  });
}
