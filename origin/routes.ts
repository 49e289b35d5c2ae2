import { createHash } from "node:crypto";
import { type Answer, type Ask, errorAnswer, type Route } from "./answer.ts";
import { conditionalAnswer } from "./conditional.ts";
import { FRESHNESS_ROUTES } from "./freshness-routes.ts";
import { indexPage, POSTER, STYLE, videoPage } from "./pages.ts";
import { TROUBLE_ROUTES } from "./trouble-routes.ts";
import { VALIDATION_ROUTES } from "./validation-routes.ts";

const SITE_ROUTES: readonly Route[] = [
  {
    path: "/",
    explains: "This page, fresh for a minute.",
    examples: ["/"],
    answer: (ask) => document(ask, "text/html; charset=utf-8", "max-age=60", indexPage(ROUTES)),
  },
  {
    path: "/6Y7B23V",
    explains:
      "The page of the film, fresh for 5 seconds in the CDN only; it shows the fields that the " +
      "edge added.",
    examples: ["/6Y7B23V"],
    answer: (ask) =>
      document(ask, "text/html; charset=utf-8", "max-age=0, s-maxage=5", videoPage()),
  },
  {
    path: "/style.css",
    explains: "The style sheet, fresh for a day.",
    examples: ["/style.css"],
    answer: (ask) => document(ask, "text/css; charset=utf-8", "max-age=86400", STYLE),
  },
  {
    path: "/poster.svg",
    explains: "The poster, fresh for a day.",
    examples: ["/poster.svg"],
    answer: (ask) => document(ask, "image/svg+xml", "max-age=86400", POSTER),
  },
];

/** Every route of the origin, in the order of the index page. */
export const ROUTES: readonly Route[] = [
  ...FRESHNESS_ROUTES,
  ...VALIDATION_ROUTES,
  ...TROUBLE_ROUTES,
  ...SITE_ROUTES,
];

const BY_PATH: ReadonlyMap<string, Route> = new Map(ROUTES.map((route) => [route.path, route]));

/** The route of a path, if there is one (P). */
export function routeFor(path: string): Route | undefined {
  return BY_PATH.get(path);
}

/** Answers a request from the route table: 404 and 405 included (P). */
export function answerAsk(route: Route | undefined, ask: Ask): Answer {
  if (route === undefined) return errorAnswer(404, "no such page; / lists them all");
  const methods = ["GET", "HEAD", ...(route.methods ?? [])];
  if (methods.includes(ask.method)) return route.answer(ask);
  const answer = errorAnswer(405, `${route.path} takes ${methods.join(", ")}`);
  return { ...answer, fields: { ...answer.fields, allow: methods.join(", ") } };
}

function document(ask: Ask, contentType: string, cacheControl: string, text: string): Answer {
  const bytes = Buffer.from(text);
  return conditionalAnswer(ask, {
    fields: { "content-type": contentType, "cache-control": cacheControl },
    etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 16)}"`,
    length: bytes.length,
    piece: (first, last) => ({ kind: "bytes", bytes: bytes.subarray(first, last + 1) }),
  });
}
