import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { SocketAddress } from "../../common/address.ts";
import { parseIp } from "../../common/ip.ts";

/** Questions that are under way at one time; far below what a socket's buffer holds. */
const WINDOW = 64;

/** How long an answer may take, and how often a question is asked over UDP. */
export interface Patience {
  readonly tries: number;
  readonly patienceMs: number;
}

const PATIENCE: Patience = { tries: 3, patienceMs: 1_000 };

/** How long TCP may be silent, and a last answer may take. */
const SILENCE_MS = 3_000;

/**
 * Sends ready packets over UDP, each under an id of its own, and gives the answers in the order of
 * the packets: undefined for one that got none.
 */
export async function askUdp(
  at: SocketAddress,
  packets: readonly Uint8Array[],
  { tries, patienceMs }: Patience = PATIENCE,
): Promise<readonly (Buffer | undefined)[]> {
  const socket = createSocket(at.host.includes(":") ? "udp6" : "udp4");
  const waiting = new Map<number, (answer: Buffer) => void>();
  socket.on("message", (answer: Buffer) => {
    if (answer.length >= 2) waiting.get(answer.readUInt16BE(0))?.(answer);
  });
  const askOnce = (packet: Buffer, id: number): Promise<Buffer | undefined> =>
    new Promise((resolve) => {
      const finish = (answer: Buffer | undefined) => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(finish, patienceMs, undefined);
      waiting.set(id, finish);
      socket.send(packet, at.port, at.host);
    });
  const answers: (Buffer | undefined)[] = Array.from({ length: packets.length });
  let next = 0;
  const ask = async (): Promise<void> => {
    for (let index = next++; index < packets.length; index = next++) {
      const packet = withId(packets[index] ?? new Uint8Array(0), index & 0xffff);
      for (let i = 0; i < tries && answers[index] === undefined; i += 1) {
        answers[index] = await askOnce(packet, index & 0xffff);
      }
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, ask));
  await new Promise<void>((resolve) => {
    socket.close(resolve);
  });
  return answers;
}

/**
 * Sends ready packets over one TCP connection without waiting, and gives the answers in the order
 * of the packets. The connection ends when all have come, or the server ends it.
 */
export function askTcp(
  at: SocketAddress,
  packets: readonly Uint8Array[],
): Promise<readonly (Buffer | undefined)[]> {
  const answers: (Buffer | undefined)[] = Array.from({ length: packets.length });
  let missing = packets.length;
  let received = Buffer.alloc(0);
  return new Promise((resolve) => {
    const socket = connect({ host: at.host, port: at.port });
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(answers));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (const message of takeMessages()) {
        answers[message.readUInt16BE(0)] = message;
        missing -= 1;
      }
      if (missing === 0) socket.destroy();
    });
    socket.write(Buffer.concat(packets.map((packet, index) => framed(withId(packet, index)))));
  });

  function* takeMessages(): Generator<Buffer> {
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      yield received.subarray(2, end);
      received = received.subarray(end);
    }
  }
}

/** A message with its length before it (RFC 1035 section 4.2.2). */
export function framed(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]);
}

function withId(packet: Uint8Array, id: number): Buffer {
  const copy = Buffer.from(packet);
  if (copy.length >= 2) copy.writeUInt16BE(id, 0);
  return copy;
}

/**
 * Sends packets over one UDP socket, and a last one that gets an answer. Gives everything that has
 * come back when that answer is there: a server that takes packets in turn has answered or dropped
 * the ones before it by then. Rejects if the last answer does not come.
 */
export function askUntil(
  at: SocketAddress,
  packets: readonly Uint8Array[],
  last: Buffer,
): Promise<readonly Buffer[]> {
  const socket = createSocket("udp4");
  const answers: Buffer[] = [];
  return new Promise<readonly Buffer[]>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no last answer")), SILENCE_MS);
    socket.on("message", (answer: Buffer) => {
      answers.push(answer);
      if (answer.readUInt16BE(0) !== last.readUInt16BE(0)) return;
      clearTimeout(timer);
      resolve(answers);
    });
    for (const packet of [...packets, last]) socket.send(packet, at.port, at.host);
  }).finally(() => socket.close());
}

/** What a front end writes before what it passes on: PROXY protocol, version 2. */
export function proxyHeader(source: string, protocol: "tcp" | "udp"): Buffer {
  const parsed = parseIp(source);
  if (!parsed.ok) throw new Error(parsed.error);
  const bytes = parsed.value;
  const addresses = Buffer.concat([
    bytes,
    Buffer.alloc(bytes.length),
    Buffer.from("30390035", "hex"),
  ]);
  const family = (bytes.length === 4 ? 0x10 : 0x20) | (protocol === "tcp" ? 1 : 2);
  const fixed = Buffer.from("0d0a0d0a000d0a515549540a21000000", "hex");
  fixed[13] = family;
  fixed.writeUInt16BE(addresses.length, 14);
  return Buffer.concat([fixed, addresses]);
}
