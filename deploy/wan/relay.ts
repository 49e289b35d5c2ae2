import { connect, type Socket } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import type { Clock, MonotonicMs } from "../../common/clock.ts";
import { DelayLine } from "./delay-line.ts";

/**
 * Bytes of one connection that may be on the way in one direction, as a TCP window would be: over a
 * round trip of 200 ms one connection carries at most 40 MB/s.
 */
const WINDOW_BYTES_MAX = 4 * 2 ** 20;

/** A dead peer is noticed after about this time without traffic. */
const KEEP_ALIVE_MS = 30_000;

type Signal = Buffer | "end" | "reset";

/** Two ends of a connection and how far apart they are. */
export interface RelayOptions {
  readonly near: Socket;
  readonly far: Socket;
  readonly roundTripMs: number;
  readonly clock: Clock;
  /** When the near end could have sent its first byte; left out: it could before. */
  readonly openAtMs?: MonotonicMs;
}

/**
 * Carries bytes, ends and resets between two sockets, each half a round trip late. Both must have
 * been made with `allowHalfOpen`.
 */
export function relay(options: RelayOptions): void {
  const { near, far, roundTripMs, clock } = options;
  const delayMs = roundTripMs / 2;
  const openAtMs = options.openAtMs ?? clock.monotonic();
  carry({ from: near, to: far, delayMs, clock, openAtMs });
  carry({ from: far, to: near, delayMs, clock, openAtMs: 0 });
}

/**
 * Connects to an address that is `roundTripMs` away: the target sees the connection after half of
 * it, and `onOpen` is called when the answer would be back. Any failure destroys the socket first.
 */
export function connectFar(
  target: SocketAddress,
  roundTripMs: number,
  clock: Clock,
  onOpen: (far: Socket | undefined) => void,
): void {
  clock.after(roundTripMs / 2, () => {
    const far = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const settle = (opened: boolean) => {
      far.removeAllListeners();
      // Until the relay listens, an error must not be one that nobody hears.
      far.on("error", () => {});
      if (!opened) far.destroy();
      clock.after(roundTripMs / 2, () => onOpen(opened ? far : undefined));
    };
    far.once("connect", () => settle(true));
    far.once("error", () => settle(false));
  });
}

interface Direction {
  readonly from: Socket;
  readonly to: Socket;
  readonly delayMs: number;
  readonly clock: Clock;
  readonly openAtMs: MonotonicMs;
}

function carry({ from, to, ...distance }: Direction): void {
  const line = new DelayLine<Signal>({
    ...distance,
    deliver: (signal) => deliver(signal, to),
    onDelivered: () => {
      if (line.bytes < WINDOW_BYTES_MAX) from.resume();
    },
  });
  let ended = false;
  from.setNoDelay(true);
  from.setKeepAlive(true, KEEP_ALIVE_MS);
  from.on("data", (bytes: Buffer) => {
    line.push(bytes, bytes.length);
    if (line.bytes >= WINDOW_BYTES_MAX) from.pause();
  });
  from.on("end", () => {
    ended = true;
    line.push("end", 0);
  });
  from.on("error", () => {});
  from.on("close", () => {
    if (!ended) line.push("reset", 0);
  });
  to.on("drain", () => line.resume());
  to.on("close", () => line.cut());
  from.resume();
}

function deliver(signal: Signal, to: Socket): boolean {
  if (to.destroyed) return true;
  if (signal === "reset") {
    to.resetAndDestroy();
    return true;
  }
  if (signal === "end") {
    to.end();
    return true;
  }
  return to.write(signal);
}
