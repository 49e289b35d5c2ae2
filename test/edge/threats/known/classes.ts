/** One thing that an attacker sends, and all that may come of it. */
export interface Attack {
  readonly name: string;
  /** Byte for byte, of one character each. */
  readonly bytes: string;
  /** The statuses of all answers on the connection, which the edge closes. */
  readonly answers: readonly number[];
  /** What reaches the origin, as `METHOD target`; left out: nothing. */
  readonly origin?: readonly string[];
  /** What of it is lost if the edge refuses the body before it has asked: `POST` in chunks. */
  readonly mayBeLost?: true;
  /** What others ask for afterwards; left out: `/page`. */
  readonly victim?: string;
  /** The attack has filled the cache, with what is right for everybody. */
  readonly shared?: true;
}

/** Attacks of one kind. */
interface AttackClass {
  readonly title: string;
  /** A CVE, a paper or the section of an RFC that is violated. */
  readonly source: string;
  /** What the edge does about it, for the table in docs/conformance.md. */
  readonly defence: string;
  readonly attacks: readonly Attack[];
}

const HOST = "Host: shop.example\r\n";

/** Must never be seen as a request of its own. */
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;

/** A plain request on a connection of its own. */
export function get(target: string, ...fields: readonly string[]): string {
  const lines = [`GET ${target} HTTP/1.1`, "Host: shop.example", "Connection: close", ...fields];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function post(fields: string, body: string): string {
  return `POST /page HTTP/1.1\r\n${HOST}${fields}\r\n\r\n${body}${SMUGGLED}`;
}

/** A request for `/page` whose Host line is `host`, which may be several lines or none. */
function hosted(host: string, target = "/page"): string {
  return `GET ${target} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
}

function refused(name: string, bytes: string, status = 400): Attack {
  return { name, bytes, answers: [status] };
}

/** A field that is not in the key: everybody gets what the origin says without it. */
function unkeyed(...fields: readonly string[]): Attack {
  const [name = ""] = fields;
  return {
    name: name.slice(0, 60),
    bytes: get("/page", ...fields),
    answers: [200],
    origin: ["GET /page"],
    shared: true,
  };
}

/** Somebody who is logged in is led to this address; then others ask for it. */
function led(target: string): Attack {
  return {
    name: target,
    bytes: get(target, "Cookie: session=alice"),
    answers: [200],
    origin: [`GET ${target}`],
    victim: target,
  };
}

const UNKEYED: AttackClass = {
  title: "unkeyed request fields",
  source: "Kettle, Practical Web Cache Poisoning (2018); CVE-2018-14773",
  defence: "fields that tell origins another address or method are left out, also in underscores",
  attacks: [
    unkeyed("X-Forwarded-Host: evil.example"),
    unkeyed("X_Forwarded_Host: evil.example"),
    unkeyed("X-Forwarded-Port: 6666"),
    unkeyed("X-Forwarded-Proto: evil"),
    unkeyed("X-Forwarded-Scheme: evil"),
    unkeyed("X-Forwarded-Prefix: /evil"),
    unkeyed("X-Original-URL: /evil"),
    unkeyed("X-Rewrite-URL: /evil"),
    unkeyed("Forwarded: for=192.0.2.9;host=evil.example;proto=evil"),
    unkeyed("X-Kept: 1", "X-Forwarded-Host: evil.example", "Forwarded: host=evil"),
  ],
};

const FAT_GET: AttackClass = {
  title: "fat GET",
  source: "Kettle, Web Cache Entanglement (2020); RFC 9110 section 9.3.1",
  defence: "the answer to a GET with a body is not stored",
  attacks: [
    {
      name: "a body with a length",
      bytes: `${get("/page", "Content-Length: 4")}evil`,
      answers: [200],
      origin: ["GET /page"],
    },
    {
      name: "a body in chunks",
      bytes: `${get("/page", "Transfer-Encoding: chunked")}4\r\nevil\r\n0\r\n\r\n`,
      answers: [200],
      origin: ["GET /page"],
    },
  ],
};

const PATH_CONFUSION: AttackClass = {
  title: "path confusion and cache deception",
  source: "Gil, Web Cache Deception (2017); Mirheidari et al., Cached and Confused (2020)",
  defence: "a path that an origin may take for another one gets the stricter of both rules",
  attacks: [
    "/account/x.css",
    "/account;x.css",
    "/account;/x.css",
    "/account%2fx.css",
    "/account%3bx.css",
    "/account%3fx.css",
    "/account%23x.css",
    "/account%00.css",
    "/account%0ax.css",
    "/account%252fx.css",
    "/account%253fx.css",
    "/static/..%2faccount/x.css",
    "/static/..%5caccount/x.css",
    "/static/%2e%2e/account/x.css",
    "/static/%252e%252e/account/x.css",
    "//account/x.css",
    "/%61ccount/x.css",
  ].map(led),
};

const HOST_TRICKS: AttackClass = {
  title: "Host tricks",
  source: "RFC 9112 sections 3.2 and 3.2.2; Chen et al., Host of Troubles (2016)",
  defence: "exactly one valid host, which is in the key and is what the origin is told",
  attacks: [
    refused("no Host", hosted("")),
    refused("an empty Host", hosted("Host: \r\n")),
    refused("two Hosts", hosted(`${HOST}Host: evil.example\r\n`)),
    refused("two equal Hosts", hosted(`${HOST}${HOST}`)),
    refused("two names in one Host", hosted("Host: shop.example, evil.example\r\n")),
    refused("an indented Host before it", hosted(` Host: evil.example\r\n${HOST}`)),
    refused("an indented Host behind it", hosted(`${HOST} Host: evil.example\r\n`)),
    refused("a space before the colon", hosted(`${HOST}Host : evil.example\r\n`)),
    refused("user information", hosted("Host: evil.example@shop.example\r\n")),
    refused("user information in the target", hosted(HOST, "http://evil@shop.example/page")),
    refused("a path", hosted("Host: shop.example/evil\r\n")),
    refused("a query", hosted("Host: shop.example?evil\r\n")),
    refused("a fragment", hosted("Host: shop.example#evil\r\n")),
    refused("a quote", hosted('Host: shop.example"evil\r\n')),
    refused("a NUL", hosted("Host: shop.example\0evil\r\n")),
    refused("a port that is none", hosted("Host: shop.example:6666evil\r\n")),
    refused("another scheme", hosted(HOST, "ftp://shop.example/page")),
    refused("another host in the target", hosted(HOST, "http://evil.example/page"), 421),
    refused("an authority alone", hosted(HOST, "evil.example:80")),
    {
      name: "another host in Host than in the target",
      bytes: hosted("Host: evil.example\r\n", "http://shop.example/page"),
      answers: [200],
      origin: ["GET /page"],
      shared: true,
    },
    {
      name: "another port",
      bytes: hosted("Host: shop.example:6666\r\n"),
      answers: [200],
      origin: ["GET /page"],
    },
  ],
};

const OVERFLOW: AttackClass = {
  title: "header overflow and meta characters (CPDoS)",
  source: "Nguyen et al., Your Cache Has Fallen (2019); RFC 6585 section 5",
  defence: "an error that blames the request is not stored; controls and long heads stop here",
  attacks: [
    {
      name: "a head that the origin finds too large: 400",
      bytes: get("/page", `X-Oversized: ${"a".repeat(5_000)}`),
      answers: [400],
      origin: ["GET /page"],
    },
    {
      name: "a head that the origin finds far too large: 431",
      bytes: get("/page", `X-Oversized: ${"a".repeat(7_000)}`),
      answers: [431],
      origin: ["GET /page"],
    },
    refused("a head that is too large", get("/page", `X-Oversized: ${"a".repeat(40_000)}`), 431),
    refused("a target that is too long", get(`/page?${"a".repeat(17_000)}`), 414),
    refused("a bell", get("/page", "X-Metachar: \x07")),
    refused("a NUL", get("/page", "X-Metachar: \0")),
    refused("a vertical tab in a name", get("/page", "X\vMetachar: a")),
    unkeyed("X-HTTP-Method-Override: DELETE"),
    unkeyed("X-HTTP-Method: DELETE"),
    unkeyed("X_Method_Override: DELETE"),
    {
      name: "an expectation that nobody meets",
      bytes: get("/page", "Expect: evil"),
      answers: [417],
    },
    {
      name: "a range out of reach",
      bytes: get("/page", "Range: bytes=cow-"),
      answers: [200],
      origin: ["GET /page"],
      shared: true,
    },
  ],
};

const SPLITTING: AttackClass = {
  title: "response splitting",
  source: "CWE-113; Klein, Divide and Conquer (2004); RFC 9110 section 5.5",
  defence: "line ends in targets and fields are refused; what a redirect echoes stays escaped",
  attacks: [
    refused("a line end in the target", get("/page\r\nX-Evil: yes"), 505),
    refused("a line feed in the target", get("/page\nX-Evil: yes"), 505),
    refused("a carriage return in the target", get("/page\rX-Evil:yes")),
    refused("a carriage return in a field", get("/page", "X-Echo: a\rX-Evil: yes")),
    refused("a line feed in a field", get("/page", "X-Echo: a\nX-Evil: yes")),
    {
      name: "an escaped line end that a redirect echoes",
      bytes: get("/moved/%0d%0aX-Evil:%20yes"),
      answers: [302],
    },
    {
      name: "an escaped line end that the origin is asked for",
      bytes: get("/page%0d%0aX-Evil:%20yes"),
      answers: [200],
      origin: ["GET /page%0D%0AX-Evil:%20yes"],
    },
  ],
};

const CHUNKED = "Transfer-Encoding: chunked";
const END = "0\r\n\r\n";

function streamed(name: string, chunks: string): Attack {
  const bytes = post(CHUNKED, chunks + END);
  return { name, bytes, answers: [400], origin: ["POST /page"], mayBeLost: true };
}

const SMUGGLING: AttackClass = {
  title: "request smuggling",
  source: "Linhart et al. (2005); Kettle, HTTP Desync Attacks (2019, 2022, 2025); RFC 9112 s. 6",
  defence: "a message whose end is in doubt is refused and ends its connection",
  attacks: [
    refused("CL.TE", post(`Content-Length: 6\r\n${CHUNKED}`, END)),
    refused("TE.CL", post(`${CHUNKED}\r\nContent-Length: 4`, END)),
    refused("TE.TE: an unknown coding", post("Transfer-Encoding: xchunked", END), 501),
    refused("TE.TE: two lines", post(`${CHUNKED}\r\nTransfer-Encoding: cow`, END)),
    refused("TE.TE: identity", post("Transfer-Encoding: identity", END), 501),
    refused("TE.TE: chunked is not last", post("Transfer-Encoding: chunked, cow", END)),
    refused("TE.TE: a space before the colon", post("Transfer-Encoding : chunked", END)),
    refused("TE.TE: a vertical tab", post("Transfer-Encoding: \vchunked", END)),
    refused("TE.TE: a folded line", post("Transfer-Encoding:\r\n chunked", END)),
    refused("TE.TE: in a folded line", post("X: y\r\n Transfer-Encoding: chunked", END)),
    refused("TE.TE: behind a bare line feed", post("X: y\nTransfer-Encoding: chunked", END)),
    refused("TE.TE: behind a carriage return", post("X: y\rTransfer-Encoding: chunked", END)),
    refused("a coding in HTTP/1.0", post(CHUNKED, END).replace("HTTP/1.1", "HTTP/1.0")),
    refused("CL.CL: two lengths", post("Content-Length: 0\r\nContent-Length: 3", "abc")),
    refused("CL.CL: two equal lengths", post("Content-Length: 3\r\nContent-Length: 3", "abc")),
    refused("CL.CL: a list", post("Content-Length: 3, 3", "abc")),
    refused("a length with a sign", post("Content-Length: +3", "abc")),
    refused("a length in hexadecimal", post("Content-Length: 0x3", "abc")),
    refused("a length beyond 64 bits", post("Content-Length: 18446744073709551619", "abc")),
    refused("a length behind a space", post("Content-Length : 3", "abc")),
    streamed("a chunk that ends in a bare line feed", "3\nabc\r\n"),
    streamed("a chunk size in C", "0x3\r\nabc\r\n"),
    streamed("a chunk size beyond 64 bits", "fffffffffffffffff3\r\nabc\r\n"),
    streamed("a chunk extension with a bare line feed", "3;a\nabc\r\n"),
    streamed("a chunk that is longer than it says", "3\r\nabcdef\r\n"),
    {
      name: "CL.0: a GET whose body is a request",
      bytes: `${get("/page", `Content-Length: ${SMUGGLED.length}`)}${SMUGGLED}`,
      answers: [200],
      origin: ["GET /page"],
    },
    {
      name: "0.CL: an odd spelling of an expectation",
      bytes: post(`Expect: y 100-continue\r\nContent-Length: ${SMUGGLED.length}`, ""),
      answers: [200],
      origin: ["POST /page"],
    },
  ],
};

export const CLASSES: readonly AttackClass[] = [
  UNKEYED,
  FAT_GET,
  PATH_CONFUSION,
  HOST_TRICKS,
  OVERFLOW,
  SPLITTING,
  SMUGGLING,
];
