import type { SocketAddress } from "../../common/address.ts";
import type { UdpLayerChoice } from "../native/layer.ts";
import type { DatagramOptions } from "./datagram.ts";

/** Errors that a listener met, by the names of their numbers, since it was bound. */
export interface UdpErrors {
  readonly receive: Readonly<Record<string, number>>;
  readonly send: Readonly<Record<string, number>>;
}

/** A bound UDP listener. */
export interface UdpListener {
  readonly address: SocketAddress;
  readonly layer: "native" | "dgram";
  errors(): UdpErrors;
  /** Frees the port. Closing again does nothing. */
  close(): Promise<void>;
}

/** What a UDP listener needs. */
export interface UdpOptions extends DatagramOptions {
  /** What serves; left out: `auto`. */
  readonly layer?: UdpLayerChoice;
  /** Several sockets share the address (SO_REUSEPORT), and the kernel spreads packets over them. */
  readonly reusePort?: boolean;
}

/** Packets that the kernel keeps while we are busy: about 10 ms of load at full speed. */
export const RECEIVE_BUFFER_BYTES = 2 * 2 ** 20;
