import { execFile } from "node:child_process";
import type { SocketAddress } from "../../common/address.ts";
import { type IpBytes, parseIp } from "../../common/ip.ts";
import { fail, ok, type Result } from "../../common/result.ts";

/** An open connection of a client, and the shortest round trip that the kernel has seen on it. */
export interface MeasuredSocket {
  /** Address and port of the client as `ss` writes them: one connection, as long as it is open. */
  readonly id: string;
  readonly client: IpBytes;
  readonly ms: number;
}

/** How long `ss` may take; a dump of 20,000 connections is a tenth of a second. */
const DEADLINE_MS = 5_000;

/** Some 500 octets for each of the connections that an edge takes. */
const OUTPUT_BYTES_MAX = 16 * 2 ** 20;

/** What binds every address of the machine. */
const ANY_HOSTS: readonly string[] = ["0.0.0.0", "::"];

/**
 * Asks the kernel about the open connections of a listening address, through `ss` of iproute2: Node
 * has no way to read TCP_INFO. Fails with the reason if there is no such program or no answer.
 */
export function listSockets({
  host,
  port,
}: SocketAddress): Promise<Result<readonly MeasuredSocket[], string>> {
  const local = host.includes(":") ? `[${host}]` : host;
  const filter = ANY_HOSTS.includes(host) ? `sport = :${port}` : `src ${local}:${port}`;
  // Numeric, TCP with its figures, without a heading, each on one line.
  const words = ["-tinHO", "state", "established", filter];
  const options = { timeout: DEADLINE_MS, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve) => {
    execFile("ss", words, options, (error, stdout) => {
      resolve(error === null ? ok(readSockets(stdout)) : fail(error.message.split("\n")[0] ?? ""));
    });
  });
}

/** Reads what `ss -tinHO` prints (P). Lines without a measured round trip are left out. */
export function readSockets(text: string): readonly MeasuredSocket[] {
  return text.split("\n").flatMap((line) => {
    const [, , , id = ""] = line.split(/\s+/);
    const ms = Number(/ minrtt:([\d.]+)/.exec(line)?.[1] ?? Number.NaN);
    const host = id.slice(0, id.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
    const client = parseIp(host.replace(/%.*$/, ""));
    return client.ok && ms >= 0 ? [{ id, client: client.value, ms }] : [];
  });
}
