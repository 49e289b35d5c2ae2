import { connect } from "node:net";
import { patternBytes } from "./pattern.ts";

/*
 * Many clients at once, in a process of their own: `crowd.ts PORT PATH CLIENTS BYTES`. Each one
 * opens a connection, asks once and compares every byte with the pattern. Prints what they saw as
 * JSON.
 */

/** What the crowd saw. Times are epoch milliseconds. */
export interface CrowdReport {
  /** Clients that got the whole body, all bytes right. */
  readonly right: number;
  /** For each client that did not: why. */
  readonly wrong: readonly string[];
  /** When the last of all clients had its first byte of the body. */
  readonly lastFirstByteAt: number;
}

async function main([port, path, clients, bytes]: readonly string[]): Promise<CrowdReport> {
  const expected = patternBytes(Number(bytes));
  const outcomes = await Promise.all(
    Array.from({ length: Number(clients) }, () => ask(Number(port), path ?? "/", expected)),
  );
  return {
    right: outcomes.filter(({ problem }) => problem === undefined).length,
    wrong: outcomes.flatMap(({ problem }) => (problem === undefined ? [] : [problem])),
    lastFirstByteAt: Math.max(...outcomes.map(({ firstByteAt }) => firstByteAt)),
  };
}

interface Outcome {
  readonly problem: string | undefined;
  readonly firstByteAt: number;
}

function ask(port: number, path: string, expected: Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    let head = Buffer.alloc(0);
    let received = -1;
    let firstByteAt = Number.POSITIVE_INFINITY;
    let problem: string | undefined;
    const take = (chunk: Buffer): void => {
      if (chunk.length === 0) return;
      if (received === 0) firstByteAt = Date.now();
      if (!chunk.equals(expected.subarray(received, received + chunk.length))) {
        problem ??= `wrong bytes near ${received}`;
      }
      received += chunk.length;
    };
    socket.on("data", (chunk: Buffer) => {
      if (received >= 0) {
        take(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      if (!head.toString("latin1", 0, 15).startsWith("HTTP/1.1 200")) problem = head.toString();
      received = 0;
      take(head.subarray(end + 4));
    });
    socket.on("error", (error) => {
      problem ??= String(error);
    });
    socket.on("close", () => {
      if (received !== expected.length) problem ??= `${received} of ${expected.length} bytes`;
      resolve({ problem, firstByteAt });
    });
    socket.write(`GET ${path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n`);
  });
}

process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`);
