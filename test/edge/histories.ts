import type { IncomingMessage, ServerResponse } from "node:http";
import type { FakeClock } from "../support/fake-clock.ts";
import {
  type Headers,
  type Past,
  reasonNotToKeep,
  reasonNotToServe,
  reasonNotToServeStale,
} from "./decide/oracle.ts";

/** What an origin does with one path until the history changes its mind. */
export interface Behaviour {
  readonly status: number;
  readonly control: string;
  readonly varies: boolean;
  readonly tagged: boolean;
  /** It does not answer well: the connection ends, or a 503 comes. */
  readonly failure: "none" | "closes" | "503";
}

/** Everything that the origin has said with one body: once sent, then perhaps confirmed. */
interface Told {
  readonly path: string;
  /** The request that brought it. */
  readonly asker: string;
  /** The requests that it has answered, by being sent or by being named in a 304. */
  readonly requests: Headers[];
  /** Its head as it was sent, and as each 304 has left it. */
  readonly heads: Omit<Past, "request">[];
}

/** What a cache may hold of it: any of its heads, for any of the requests that it answered. */
function pastsOf({ requests, heads }: Told): Past[] {
  return requests.flatMap((request) => heads.map((head) => ({ ...head, request })));
}

/** What a client saw. */
export interface Seen {
  readonly asker: string;
  readonly request: Headers;
  readonly status: number;
  readonly body: string;
  /** Seconds at which it was sent and answered. */
  readonly sentAt: number;
  readonly gotAt: number;
}

/**
 * A scripted origin that remembers all it has said, and judges what clients are given by the RFC's
 * words in `decide/oracle.ts`. It knows nothing of the edge's code.
 */
export class Witness {
  readonly #clock: FakeClock;
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #told: Told[] = [];
  readonly #versions = new Map<string, number>();
  /** Requests that wait for `release`. */
  readonly #held: (() => void)[] = [];
  #holding = false;
  /** How often it was asked for a path. */
  readonly asked = new Map<string, number>();
  /** When it last failed, by path: whoever waits for another is failed with them. */
  readonly #failedAt = new Map<string, number>();
  /** Whose requests it confirmed. */
  readonly #confirmedFor = new Set<string>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get held(): number {
    return this.#held.length;
  }

  set(path: string, behaviour: Behaviour): void {
    this.#behaviours.set(path, behaviour);
    this.#versions.set(path, (this.#versions.get(path) ?? 0) + 1);
  }

  /** It begins to fail, or recovers; what it has to say stays the same. */
  setFailure(path: string, failure: Behaviour["failure"]): void {
    this.#behaviours.set(path, { ...this.behaviour(path), failure });
  }

  behaviour(path: string): Behaviour {
    const behaviour = this.#behaviours.get(path);
    if (behaviour === undefined) throw new Error(`no behaviour for ${path}`);
    return behaviour;
  }

  /** From now on answers wait. */
  hold(): void {
    this.#holding = true;
  }

  release(): void {
    this.#holding = false;
    for (const answer of this.#held.splice(0)) answer();
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? "/";
    this.asked.set(path, (this.asked.get(path) ?? 0) + 1);
    const askedAt = this.#seconds();
    const answer = () => this.#answer(request, response, askedAt);
    if (this.#holding) this.#held.push(answer);
    else answer();
  };

  #seconds(): number {
    return this.#clock.now() / 1_000;
  }

  #answer(request: IncomingMessage, response: ServerResponse, asked: number): void {
    const path = request.url ?? "/";
    const { status, control, varies, tagged, failure } = this.behaviour(path);
    const asker = String(request.headers["x-asker"]);
    if (failure === "closes") {
      this.#failedAt.set(path, this.#seconds());
      request.socket.destroy();
      return;
    }
    const group = varies ? Number(request.headers["foo"] ?? 0) % 2 : 0;
    const tag = `"${this.#versions.get(path)}-${group}"`;
    const fields: [string, string][] = [
      ["Date", new Date(this.#clock.now()).toUTCString()],
      ["Cache-Control", control],
      ...(varies ? [["Vary", "Foo"] as [string, string]] : []),
      ...(tagged ? [["ETag", tag] as [string, string]] : []),
      ...(status === 301 ? [["Location", "/elsewhere"] as [string, string]] : []),
    ];
    const requestFields = pairs(request.rawHeaders);
    const answered = this.#seconds();
    const known = (request.headers["if-none-match"] ?? "").split(", ");
    if (failure === "503") {
      this.#failedAt.set(path, this.#seconds());
      response.writeHead(503, { "content-length": 0 }).end();
    } else if (tagged && known.includes(tag)) {
      this.#confirm({ path, tag, asker }, { request: requestFields, fields, asked, answered });
      response.writeHead(304, fields.flat()).end();
    } else {
      const serial = this.#told.length;
      const heads = [{ status, response: fields, asked, answered }];
      this.#told.push({ path, asker, requests: [requestFields], heads });
      response.writeHead(status, fields.flat()).end(`${serial}`);
    }
  }

  /** RFC 9111 section 4.3.4: what a 304 says counts for the newest body that has its tag. */
  #confirm(
    { path, tag, asker }: { path: string; tag: string; asker: string },
    news: { request: Headers; fields: Headers; asked: number; answered: number },
  ): void {
    const { request, fields, asked, answered } = news;
    this.#confirmedFor.add(asker);
    const names = new Set(fields.map(([name]) => name));
    for (const { path: its, requests, heads } of this.#told) {
      const head = heads.at(-1);
      const has = head?.response.some(([name, value]) => name === "ETag" && value === tag);
      if (its !== path || head === undefined || has !== true) continue;
      const kept = head.response.filter(([name]) => !names.has(name));
      heads.push({ ...head, response: [...kept, ...fields], asked, answered });
      requests.push(request);
    }
  }

  /** What is wrong with what a client was given, or undefined; `how` says how it was come by. */
  judge(seen: Seen): { readonly how: string; readonly wrong: string | undefined } {
    if (seen.status >= 500) return { how: "an error", wrong: undefined };
    const told = this.#told[Number(seen.body)];
    if (told === undefined) return { how: "unknown", wrong: `nobody said "${seen.body}"` };
    if (told.asker === seen.asker) return { how: "its own answer", wrong: undefined };
    const pasts = pastsOf(told);
    const keepable = pasts.map(reasonNotToKeep);
    if (keepable.every((reason) => reason !== undefined)) {
      return { how: "another's answer", wrong: `another client's, which is ${keepable[0]}` };
    }
    const contacted = this.#confirmedFor.has(seen.asker);
    const sinceSent = pasts.some(({ answered }) => answered >= seen.sentAt);
    const reasons = pasts.map((past) => reasonNotToServe(past, seen.request, seen.gotAt));
    if (reasons.includes(undefined)) return { how: "stored and allowed", wrong: undefined };
    if (contacted || sinceSent) {
      const fits = reasons.some((reason) => reason !== "another variant");
      return { how: "confirmed or shared", wrong: fits ? undefined : "another variant" };
    }
    const strict = pasts.map(reasonNotToServeStale);
    const mayBeStale = strict.includes(undefined);
    const hasFailed = (this.#failedAt.get(told.path) ?? 0) >= seen.sentAt;
    if (hasFailed && mayBeStale) {
      return { how: "stale for want of an answer", wrong: undefined };
    }
    return { how: "stored", wrong: `given out in spite of: ${reasons.join("; ")}` };
  }
}

function pairs(raw: readonly string[]): Headers {
  return raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? ""] as const] : []));
}
