import { request } from "node:http";
import { connect } from "node:net";
import { systemClock } from "../../common/clock.ts";

/** What is asked, and how long it may take. */
export type ProbeTarget =
  | {
      readonly kind: "http";
      readonly host: string;
      readonly port: number;
      readonly path: string;
      /** Value of Host. */
      readonly authority: string;
    }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** How a probe ended, in words for people: `200 in 3 ms`, `connection refused`. */
export interface ProbeResult {
  readonly works: boolean;
  readonly detail: string;
}

/**
 * Asks one edge once, over a connection of its own: a kept one could outlive the process that it
 * should watch. HTTP must answer 200; TCP must accept. Resolves within `timeoutMs`, never rejects.
 */
export async function probe(target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  try {
    return await exchange(target, timeoutMs);
  } catch (error) {
    // What Node refuses to send at all, such as a path with a space in it.
    return { works: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

function exchange(target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const started = systemClock.monotonic();
    const exchange = target.kind === "http" ? startHttp(target) : startTcp(target);
    const timer = setTimeout(finish, timeoutMs, false, `no answer in ${timeoutMs} ms`);
    timer.unref();
    exchange.onAnswer((works, what) =>
      finish(works, `${what} in ${Math.round(systemClock.monotonic() - started)} ms`),
    );
    exchange.onError((error) => finish(false, explain(error)));

    function finish(works: boolean, detail: string): void {
      clearTimeout(timer);
      exchange.destroy();
      resolve({ works, detail });
    }
  });
}

interface Exchange {
  onAnswer(then: (works: boolean, what: string) => void): void;
  /** May be called more than once: destroying an exchange can make it fail again. */
  onError(then: (error: NodeJS.ErrnoException) => void): void;
  destroy(): void;
}

function startHttp(target: Extract<ProbeTarget, { kind: "http" }>): Exchange {
  const { host, port, path, authority } = target;
  const headers = { host: authority, "user-agent": "meridian-router" };
  const outgoing = request({ host, port, path, headers, agent: false });
  outgoing.end();
  return {
    onAnswer: (then) =>
      outgoing.on("response", ({ statusCode }) => then(statusCode === 200, String(statusCode))),
    onError: (then) => outgoing.on("error", then),
    destroy: () => outgoing.destroy(),
  };
}

function startTcp(target: Extract<ProbeTarget, { kind: "tcp" }>): Exchange {
  const socket = connect({ host: target.host, port: target.port });
  return {
    onAnswer: (then) => socket.on("connect", () => then(true, "connected")),
    onError: (then) => socket.on("error", then),
    destroy: () => socket.destroy(),
  };
}

function explain(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
      return "connection reset";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no route to it";
    default:
      return error.message;
  }
}
