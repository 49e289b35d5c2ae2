import type { Clock } from "../common/clock.ts";
import { type IpBytes, LOOPBACK_PREFIXES } from "../common/ip.ts";
import type { Logger } from "../common/log.ts";
import type { QueryCounters } from "./admin/counters.ts";
import type { Guard, GuardOptions } from "./guard.ts";
import type { QueryLines } from "./log/query-log.ts";
import type { Snapshot } from "./pipeline.ts";
import { chaosRecords } from "./policy/chaos.ts";
import type { ServiceConfig } from "./service.ts";
import type { AnswerInPlace, AnswerPacket } from "./transport/answer.ts";
import { TCP_LIMITS } from "./transport/tcp.ts";

/** Answers what is no plain question; undefined for what is. */
export type FirstAnswerer = (...packet: Parameters<AnswerPacket>) => number | undefined;

/** What stands behind the ports of one thread. */
export interface AnswererOptions {
  readonly guard: Guard;
  readonly counters: QueryCounters;
  /** Left out: queries are only counted. */
  readonly queries?: QueryLines | undefined;
  /** What it answers from, at each moment. */
  readonly snapshot: () => Snapshot;
  readonly first: FirstAnswerer;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Makes the one function that all packets go through. */
export function packetAnswerer(options: AnswererOptions): AnswerPacket {
  const { guard, counters, queries, snapshot, first, clock, log } = options;
  return (packet, peer, transport, out, way) => {
    const length = first(packet, peer, transport, out, way);
    if (length !== undefined) return length;
    const isTimed = counters.isTimed;
    const isLogged = queries?.takes() === true;
    const started = isTimed || isLogged ? clock.monotonic() : 0;
    const outcome = guard.answer(packet, { peer, transport, snapshot: snapshot() }, out);
    counters.count(transport, outcome);
    if (isTimed || isLogged) {
      const seconds = (clock.monotonic() - started) / 1000;
      if (isTimed) counters.time(transport, seconds);
      if (isLogged) queries.note({ packet, peer, transport, outcome, seconds });
    }
    if (outcome.failure !== undefined) log.error({ event: "query-failed", err: outcome.failure });
    return outcome.length;
  };
}

/** The same for what comes over UDP and is like what has been answered. */
export function inPlaceAnswerer(options: Omit<AnswererOptions, "first" | "log">): AnswerInPlace {
  const { guard, counters, queries, snapshot, clock } = options;
  const from = { peer: new Uint8Array(4) as IpBytes, snapshot: snapshot() };
  return (bytes, start, end, peer, out) => {
    from.peer = peer;
    from.snapshot = snapshot();
    if (!counters.isTimed && queries === undefined) {
      return guard.answerInPlace(bytes, start, end, from, out);
    }
    const started = clock.monotonic();
    const length = guard.answerInPlace(bytes, start, end, from, out);
    if (length === undefined) return undefined;
    const seconds = (clock.monotonic() - started) / 1000;
    if (counters.isTimed) counters.time("udp", seconds);
    if (queries?.takes() === true) {
      const packet = bytes.subarray(start, end);
      const outcome = { ...guard.lastInPlace, length };
      queries.note({ packet, peer, transport: "udp", outcome, seconds });
    }
    return length;
  };
}

/** How a router defends itself according to its configuration (P). */
export function guardOptions(config: ServiceConfig): GuardOptions {
  const { rateLimit, cookies, maxUdpBytes, nsid, chaos } = config;
  const { answersPerSecond, extraBytesPerSecond, slip, leak, mode } = rateLimit;
  const { exempt = LOOPBACK_PREFIXES, burst: burstMs, buckets: entries } = rateLimit;
  const limits = { answersPerSecond, extraBytesPerSecond, slip, leak, burstMs, entries };
  return {
    rateLimit: { ...limits, mode, exempt },
    cookies: cookies.mode,
    maxUdpBytes,
    idleMs: TCP_LIMITS.idleMs,
    ...(nsid === undefined ? {} : { nsid: Buffer.from(nsid, "latin1") }),
    chaos: chaosRecords(chaos),
  };
}
