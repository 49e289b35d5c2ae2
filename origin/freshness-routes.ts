import { gzipSync } from "node:zlib";
import { type Answer, type Ask, type Route, signature, textAnswer } from "./answer.ts";
import { seconds, withNumbers } from "./parameters.ts";

const GREETINGS: Readonly<Record<string, string>> = {
  en: "Good evening. The film starts soon.",
  de: "Guten Abend. Der Film beginnt gleich.",
  fr: "Bonsoir. Le film commence bientôt.",
  ja: "こんばんは。まもなく上映です。",
  pt: "Boa noite. O filme já vai começar.",
};

/** Routes about how long an answer may be used, and by whom. */
export const FRESHNESS_ROUTES: readonly Route[] = [
  {
    path: "/fresh",
    explains: "max-age: everybody may reuse it for s seconds. Ask twice: a miss, then a hit.",
    examples: ["/fresh?s=60", "/fresh?s=2"],
    answer: (ask) =>
      withNumbers(ask.query, { s: seconds(60) }, ({ s }) =>
        textAnswer(ask, `fresh for ${s} s`, { "cache-control": `max-age=${s}` }),
      ),
  },
  {
    path: "/s-maxage",
    explains: "s-maxage: s seconds for the CDN, nothing for the browser (max-age=0).",
    examples: ["/s-maxage?s=60"],
    answer: (ask) =>
      withNumbers(ask.query, { s: seconds(60) }, ({ s }) =>
        textAnswer(ask, `${s} s in shared caches`, { "cache-control": `max-age=0, s-maxage=${s}` }),
      ),
  },
  {
    path: "/expires",
    explains: "Expires: a date s seconds ahead, as HTTP/1.0 did it.",
    examples: ["/expires?s=60"],
    answer: (ask) =>
      withNumbers(ask.query, { s: seconds(60) }, ({ s }) =>
        textAnswer(ask, `expires in ${s} s`, {
          expires: new Date(ask.now + s * 1000).toUTCString(),
        }),
      ),
  },
  {
    path: "/no-store",
    explains: "no-store: never kept by anybody; every request reaches the origin.",
    examples: ["/no-store"],
    answer: (ask) => textAnswer(ask, "not to be stored", { "cache-control": "no-store" }),
  },
  {
    path: "/private",
    explains: "private: for one person's browser only; an edge must not keep it.",
    examples: ["/private"],
    answer: (ask) =>
      textAnswer(ask, "for your eyes only", { "cache-control": "private, max-age=60" }),
  },
  {
    path: "/set-cookie",
    explains: "max-age with Set-Cookie: the safe profile refuses to keep it, the rfc profile may.",
    examples: ["/set-cookie"],
    answer: (ask) =>
      textAnswer(ask, "with a cookie", {
        "cache-control": "max-age=60",
        "set-cookie": `seat=${ask.serial}; Path=/; HttpOnly; SameSite=Lax`,
      }),
  },
  {
    path: "/vary",
    explains: "Vary: one copy for each language, or one for each content coding.",
    examples: ["/vary", "/vary?on=encoding"],
    answer: (ask) =>
      ask.query.get("on") === "encoding" ? varyByEncoding(ask) : varyByLanguage(ask),
  },
  {
    path: "/swr",
    explains:
      "stale-while-revalidate: after s seconds the old copy is served once more at once, and " +
      "renewed behind the client's back.",
    examples: ["/swr?s=2&stale=30"],
    answer: (ask) =>
      withNumbers(ask.query, { s: seconds(2), stale: seconds(30) }, ({ s, stale }) =>
        textAnswer(ask, `fresh for ${s} s, then stale for ${stale} s while it is renewed`, {
          "cache-control": `max-age=${s}, stale-while-revalidate=${stale}`,
        }),
      ),
  },
  {
    path: "/tagged",
    explains: "Surrogate-Key: tags by which edges can be told to forget it, at whatever URL it is.",
    examples: ["/tagged", "/tagged?tags=title-7,trailers"],
    answer: (ask) => {
      const tags = (ask.query.get("tags") ?? "title-7").match(/[\w.-]+/g)?.join(" ") ?? "";
      return textAnswer(ask, `tagged ${tags}`, {
        "cache-control": "max-age=300, stale-while-revalidate=60, stale-if-error=3600",
        "surrogate-key": tags,
      });
    },
  },
  {
    path: "/counter",
    explains:
      "A number, fresh for a minute, that POST raises. The POST passes through the edge and " +
      "makes it forget its copy: curl -X POST …/counter",
    examples: ["/counter"],
    methods: ["POST"],
    answer: (ask) =>
      textAnswer(ask, `the counter stands at ${ask.writes}`, {
        "cache-control": ask.method === "POST" ? "no-store" : "max-age=60",
      }),
  },
  {
    path: "/time",
    explains: "The time of day, fresh for 5 seconds: watch it stand still.",
    examples: ["/time"],
    answer: (ask) =>
      textAnswer(ask, new Date(ask.now).toISOString(), { "cache-control": "max-age=5" }),
  },
];

function varyByLanguage(ask: Ask): Answer {
  const language = preferredLanguage(ask.field("accept-language") ?? "");
  return textAnswer(ask, GREETINGS[language] ?? "", {
    "cache-control": "max-age=60",
    "content-language": language,
    vary: "Accept-Language",
  });
}

/** The first language of the list that we speak, in order of preference; English otherwise (P). */
export function preferredLanguage(acceptLanguage: string): string {
  const wishes = acceptLanguage.split(",").map((wish) => {
    const [tag = "", ...parameters] = wish.split(";").map((part) => part.trim());
    const quality = parameters.find((part) => part.startsWith("q="))?.slice(2);
    return { language: tag.toLowerCase().split("-")[0] ?? "", quality: Number(quality ?? 1) };
  });
  const ranked = wishes
    .filter(({ language, quality }) => quality > 0 && Object.hasOwn(GREETINGS, language))
    .sort((a, b) => b.quality - a.quality);
  return ranked[0]?.language ?? "en";
}

function varyByEncoding(ask: Ask): Answer {
  const text = `${"Compressed for those who can read it. ".repeat(50)}\n${signature(ask)}\n`;
  const fields = {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "max-age=60",
    vary: "Accept-Encoding",
  };
  if (
    !/(^|,)\s*(gzip|\*)\s*(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(ask.field("accept-encoding") ?? "")
  ) {
    return { status: 200, fields, body: { kind: "text", text } };
  }
  return {
    status: 200,
    fields: { ...fields, "content-encoding": "gzip" },
    body: { kind: "bytes", bytes: gzipSync(text) },
  };
}
