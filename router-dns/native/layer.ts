import { createRequire } from "node:module";
import { fail, ok, type Result } from "../../common/result.ts";

/** A bound socket of the native layer; only its own functions can look inside. */
export type NativeSocket = { readonly brand: unique symbol };

/** The memory that a socket and its owner share, and who is called when something has come. */
export interface TurnMemory {
  /** `slots` times SLOT_WORDS words, then so many times room for what came, then for answers. */
  readonly memory: ArrayBuffer;
  readonly slots: number;
  readonly slotBytes: number;
  /**
   * Datagrams stand in the first `count` slots. When it returns, answers are sent: whoever sets
   * ANSWER_BYTES of a slot has one.
   */
  readonly onTurn: (count: number) => void;
}

/** What a socket has counted since it was bound; errors by the names of their numbers. */
export interface NativeCounters {
  readonly received: number;
  readonly sent: number;
  readonly receiveCalls: number;
  readonly receiveErrors: Readonly<Record<string, number>>;
  readonly sendErrors: Readonly<Record<string, number>>;
}

/** The functions of `udp.c`. Those that fail throw an Error with a code like `EADDRINUSE`. */
export interface NativeLayer {
  readonly version: number;
  readonly open: (
    host: string,
    port: number,
    reusePort: boolean,
    receiveBufferBytes: number,
    memory: TurnMemory,
  ) => NativeSocket;
  readonly port: (socket: NativeSocket) => number;
  readonly counters: (socket: NativeSocket) => NativeCounters;
  /** Sends one datagram outside of a turn; on a closed socket it does nothing. */
  readonly send: (
    socket: NativeSocket,
    address: Uint8Array,
    port: number,
    message: Uint8Array,
  ) => void;
  readonly close: (socket: NativeSocket) => void;
}

/** Words of a slot, and what they say: `enum word` of `udp.c`. */
export const SLOT_WORDS = 8;
export const WORD = {
  RECEIVED_BYTES: 0,
  ANSWER_BYTES: 1,
  PORT: 2,
  ADDRESS_BYTES: 3,
  ADDRESS: 4,
} as const;

/** RECEIVED_BYTES of a datagram that did not fit its slot. */
export const TOO_LONG = 0xffff_ffff;

/** LAYER_VERSION of `udp.c`. A layer that was compiled from another one is not used. */
const VERSION = 2;

/** What serves UDP: `auto` is the native layer where it loads. */
export type UdpLayerChoice = "auto" | "native" | "dgram";

/** The native layer, or why node:dgram has to do. */
export type LoadedLayer = Result<NativeLayer, string>;

/** For tests, and for who has to rule a layer out: takes the place of `auto`. */
export const UDP_LAYER_VARIABLE = "MERIDIAN_UDP";

/** Loads what `npm ci` has compiled, unless dgram is wanted. */
export function chooseUdpLayer(
  wanted: UdpLayerChoice,
  variable: string | undefined = process.env[UDP_LAYER_VARIABLE],
): LoadedLayer {
  const choice = wanted === "auto" && variable !== undefined ? variable : wanted;
  if (choice === "dgram") return fail("node:dgram was asked for");
  return loadLayer("./build/udp.node");
}

/** Loads a compiled layer; `file` as `require` takes it from here. */
export function loadLayer(file: string): LoadedLayer {
  try {
    const layer = createRequire(import.meta.url)(file) as NativeLayer;
    if (layer.version === VERSION) return ok(layer);
    return fail(`the native layer is of version ${layer.version} and not ${VERSION}`);
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
    return fail(`the native layer does not load: ${reason}`);
  }
}
