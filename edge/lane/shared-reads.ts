import type { Socket } from "node:net";

/**
 * Bytes of one read. All connections share one place for them: what is read is made a text before
 * the next read begins.
 */
const READ_BYTES_MAX = 65_536;

const place = Buffer.allocUnsafeSlow(READ_BYTES_MAX);

/** What the option `onread` of `net.Socket` sets, which a server cannot give to its sockets. */
type Readers = Record<symbol, unknown>;

/** The part of a socket's handle that says where to read into. */
interface Handle {
  useUserBuffer?(buffer: Uint8Array): void;
}

/** Reads of a socket that go into the shared place. */
export interface SharedReads {
  /** From now on the socket is an ordinary stream again. */
  stop(): void;
}

/**
 * Has what arrives at a socket read into one shared place, and told before the next read. Undefined
 * where this Node cannot do so, or the socket is of another kind; nothing has changed then. Without
 * it each read takes 64 KiB of memory and gives most of it back, which costs as much as the rest of
 * reading. Must be called when the socket has just been accepted.
 */
export function shareReads(
  socket: Socket,
  onBytes: (bytes: Buffer) => void,
): SharedReads | undefined {
  const readers = socket as unknown as Readers;
  const { _handle: handle } = socket as unknown as { readonly _handle?: Handle | null };
  const symbols = Object.getOwnPropertySymbols(socket);
  const where = symbols.find(({ description }) => description === "kBuffer");
  const whom = symbols.find(({ description }) => description === "kBufferCb");
  if (where === undefined || whom === undefined || readers[where] !== null) return undefined;
  if (handle?.constructor.name !== "TCP" || handle.useUserBuffer === undefined) return undefined;
  readers[where] = place;
  readers[whom] = (length: number) => onBytes(place.subarray(0, length));
  handle.useUserBuffer(place);
  return {
    stop() {
      // Bytes go on coming into the shared place: each read gets a copy of its own.
      readers[whom] = (length: number) => socket.push(Buffer.copyBytesFrom(place, 0, length));
    },
  };
}
