import type { SocketAddress } from "../../common/address.ts";
import { type Content, draw } from "./content.ts";
import { ClientConnection } from "./exchange.ts";

/** How many of the requests ask again for something of the latest ones. */
const REPEAT_SHARE = 0.05;
const LATEST = 4_096;

/** A slow reader takes about so many bytes and then nothing for a while. */
const SLOW_BYTES = 16_384;
const SLOW_PAUSE_MS = 500;

/** Slow readers ask for bodies that no socket's buffers hold. */
const SLOW_BODY_BYTES_MIN = 2 ** 21;

/** Whoever was cut off waits before it asks again. */
const AGAIN_MS = 1_000;

/** What has happened so far. */
export interface LoadCounts {
  requests: number;
  bytes: number;
  slowBodies: number;
  cut: number;
  /** Answers of status 5xx. */
  refused: number;
  wrong: number;
  /** What was wrong first. */
  firstWrong: string | undefined;
}

export interface LoadOptions {
  readonly at: SocketAddress;
  /** Connections that ask as fast as they are answered. */
  readonly connections: number;
  /** Connections that take `SLOW_BYTES` at a time. */
  readonly slowReaders: number;
  /** All bodies are of so many bytes; left out: the mix of `draw`. */
  readonly bodyBytes: number | undefined;
}

/** Unique URLs at full speed, beside clients that read slowly. Runs until it is stopped. */
export class Load {
  readonly counts: LoadCounts = {
    requests: 0,
    bytes: 0,
    slowBodies: 0,
    cut: 0,
    refused: 0,
    wrong: 0,
    firstWrong: undefined,
  };
  readonly #options: LoadOptions;
  readonly #open = new Set<ClientConnection>();
  readonly #latest: Content[] = [];
  #stopped = false;
  /** The number of the last URL that was asked for. */
  number: number;

  /** URLs are numbered from the one after `number` on. */
  constructor(options: LoadOptions, number = 0) {
    this.#options = options;
    this.number = number;
    for (let i = 0; i < options.connections; i += 1) this.#startFast();
    for (let i = 0; i < options.slowReaders; i += 1) this.#startSlow();
  }

  stop(): void {
    this.#stopped = true;
    for (const connection of this.#open) connection.close();
  }

  #startFast(): void {
    const connection = this.#connect({
      onBytes: () => {},
      onDone: () => {
        this.counts.requests += 1;
        connection.ask(this.#next());
      },
      again: () => this.#startFast(),
    });
    connection.ask(this.#next());
  }

  #startSlow(): void {
    let taken = 0;
    const connection = this.#connect({
      onBytes: (count) => {
        taken += count;
        if (taken < SLOW_BYTES) return;
        taken = 0;
        connection.pause();
        setTimeout(() => connection.resume(), SLOW_PAUSE_MS).unref();
      },
      onDone: () => {
        this.counts.slowBodies += 1;
        connection.ask(this.#nextSlow());
      },
      again: () => this.#startSlow(),
    });
    connection.ask(this.#nextSlow());
  }

  #connect(reactions: {
    onBytes(count: number): void;
    onDone(): void;
    again(): void;
  }): ClientConnection {
    const ended = (): void => {
      this.#open.delete(connection);
      setTimeout(() => {
        if (!this.#stopped) reactions.again();
      }, AGAIN_MS).unref();
    };
    const connection: ClientConnection = new ClientConnection(this.#options.at, {
      onBytes: (count) => {
        this.counts.bytes += count;
        reactions.onBytes(count);
      },
      onDone: () => reactions.onDone(),
      onCut: () => {
        this.counts.cut += 1;
        ended();
      },
      onRefused: () => {
        this.counts.refused += 1;
        ended();
      },
      onWrong: (detail) => {
        this.counts.wrong += 1;
        this.counts.firstWrong ??= detail;
        ended();
      },
    });
    this.#open.add(connection);
    return connection;
  }

  #next(): Content {
    const { bodyBytes } = this.#options;
    const repeated = this.#latest[Math.floor(Math.random() * LATEST)];
    if (repeated !== undefined && Math.random() < REPEAT_SHARE) return repeated;
    this.number += 1;
    const content =
      bodyBytes === undefined
        ? draw(this.number, Math.random(), Math.random())
        : { number: this.number, bytes: bodyBytes, stored: true };
    this.#latest[this.number % LATEST] = content;
    return content;
  }

  /** Every third of a slow reader's bodies may not be stored. */
  #nextSlow(): Content {
    this.number += 1;
    const bytes = Math.floor(SLOW_BODY_BYTES_MIN * (1 + 2 * Math.random()));
    return { number: this.number, bytes, stored: this.number % 3 !== 0 };
  }
}
