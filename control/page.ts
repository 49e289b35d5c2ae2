import { readFileSync } from "node:fs";
import type { FastifyReply } from "fastify";
import type { ApiServer } from "./api/context.ts";

const FILES = [
  ["/", "index.html", "text/html; charset=utf-8"],
  ["/console.css", "console.css", "text/css; charset=utf-8"],
  ["/console.js", "console.js", "text/javascript; charset=utf-8"],
  ["/map.js", "map.js", "text/javascript; charset=utf-8"],
  ["/icon.svg", "icon.svg", "image/svg+xml"],
] as const;

/** The page brings everything along itself, and nothing may frame it or be sent elsewhere. */
const PAGE_FIELDS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-cache",
} as const;

/** Serves the console page from files read once, at start. */
export function addPageRoutes(app: ApiServer): void {
  for (const [path, file, contentType] of FILES) {
    const body = readFileSync(new URL(`console/${file}`, import.meta.url));
    app.get(path, { config: { need: "nobody" } }, (_call, reply: FastifyReply) =>
      reply.headers({ ...PAGE_FIELDS, "content-type": contentType }).send(body),
    );
  }
}
