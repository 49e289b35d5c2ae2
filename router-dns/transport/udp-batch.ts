import type { SocketAddress } from "../../common/address.ts";
import { ListenError } from "../../common/listen.ts";
import {
  type NativeLayer,
  type NativeSocket,
  SLOT_WORDS,
  TOO_LONG,
  type TurnMemory,
  WORD,
} from "../native/layer.ts";
import { ANSWER_BYTES_MAX, datagramAnswerer, QUERY_BYTES_MAX } from "./datagram.ts";
import { RECEIVE_BUFFER_BYTES, type UdpListener, type UdpOptions } from "./udp-listener.ts";

/** Datagrams that one system call receives at most. More of them gain little and fill the cache. */
const SLOTS = 64;

/**
 * Room in a slot for what comes, and as much for what goes. Not a power of two: slots would all
 * fall on the same few lines of the processor's cache.
 */
const SLOT_BYTES = Math.max(QUERY_BYTES_MAX, ANSWER_BYTES_MAX) + 64;

const ADDRESS_BYTES = { v4: 4, v6: 16 } as const;

/** Sends a datagram outside of a turn. */
type SendLater = (address: Uint8Array, port: number, message: Uint8Array) => void;

/** Listens through the native layer: one system call receives up to 64 packets, one answers. */
export function listenInBatches(
  listen: SocketAddress,
  options: UdpOptions,
  layer: NativeLayer,
): UdpListener {
  const memory = new ArrayBuffer(SLOTS * (SLOT_WORDS * 4 + 2 * SLOT_BYTES));
  const sendLater: SendLater = (address, port, message) => {
    layer.send(socket, address, port, message);
  };
  const onTurn = answerTurn(memory, options, sendLater);
  const turns = { memory, slots: SLOTS, slotBytes: SLOT_BYTES, onTurn };
  const socket = bind(listen, options.reusePort === true, layer, turns);
  return {
    address: { host: listen.host, port: layer.port(socket) },
    layer: "native",
    errors: () => {
      const { receiveErrors, sendErrors } = layer.counters(socket);
      return { receive: receiveErrors, send: sendErrors };
    },
    close: () => {
      layer.close(socket);
      return Promise.resolve();
    },
  };
}

function bind(
  listen: SocketAddress,
  reusePort: boolean,
  layer: NativeLayer,
  turns: TurnMemory,
): NativeSocket {
  try {
    return layer.open(listen.host, listen.port, reusePort, RECEIVE_BUFFER_BYTES, turns);
  } catch (error) {
    throw new ListenError("DNS over UDP", listen, error as NodeJS.ErrnoException);
  }
}

/** Views of everything in the memory are made once, so that a turn makes no objects. */
function answerTurn(
  memory: ArrayBuffer,
  options: UdpOptions,
  sendLater: SendLater,
): (count: number) => void {
  const words = new Uint32Array(memory, 0, SLOTS * SLOT_WORDS);
  const incoming = new Uint8Array(memory, words.byteLength, SLOTS * SLOT_BYTES);
  const answersAt = words.byteLength + incoming.byteLength;
  const views = (bytes: number, at: (slot: number) => number) =>
    Array.from({ length: SLOTS }, (_, slot) => new Uint8Array(memory, at(slot), bytes));
  const addressAt = (slot: number) => (slot * SLOT_WORDS + WORD.ADDRESS) * 4;
  const outs = views(ANSWER_BYTES_MAX, (slot) => answersAt + slot * SLOT_BYTES);
  const peers4 = views(ADDRESS_BYTES.v4, addressAt);
  const peers6 = views(ADDRESS_BYTES.v6, addressAt);
  let asking = 0;
  const reply = () => {
    const at = asking * SLOT_WORDS;
    const port = words[at + WORD.PORT] ?? 0;
    const peers = words[at + WORD.ADDRESS_BYTES] === ADDRESS_BYTES.v4 ? peers4 : peers6;
    const address = Uint8Array.from(peers[asking] ?? []);
    return (message: Uint8Array) => sendLater(address, port, message);
  };
  const answer = datagramAnswerer(options, { reply });
  return (count) => {
    for (let slot = 0; slot < count; slot += 1) {
      const at = slot * SLOT_WORDS;
      const received = words[at + WORD.RECEIVED_BYTES] ?? TOO_LONG;
      // Nobody listens on port 0, so such a packet is forged.
      if (received === TOO_LONG || words[at + WORD.PORT] === 0) continue;
      const peers = words[at + WORD.ADDRESS_BYTES] === ADDRESS_BYTES.v4 ? peers4 : peers6;
      const peer = peers[slot];
      const out = outs[slot];
      if (peer === undefined || out === undefined) continue;
      const start = slot * SLOT_BYTES;
      const end = start + received;
      asking = slot;
      words[at + WORD.ANSWER_BYTES] = answer(incoming, start, end, peer, out);
    }
  };
}
