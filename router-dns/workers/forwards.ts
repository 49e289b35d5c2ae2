import type { IpBytes } from "../../common/ip.ts";
import type { Reply } from "../transport/answer.ts";
import { FORWARD_BEATS_MAX, FORWARDS_MAX, type FromWorker, type ToWorker } from "./messages.ts";

interface Waiting {
  readonly reply: Reply;
  beatsLeft: number;
}

/** Packets that only the leader can answer, and the way back to who has sent them. */
export class Forwards {
  readonly #tell: (message: FromWorker) => void;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  constructor(tell: (message: FromWorker) => void) {
    this.#tell = tell;
  }

  /** False if too many wait: then nothing is kept of it. */
  take(packet: Uint8Array, peer: IpBytes, reply: Reply): boolean {
    if (this.#waiting.size >= FORWARDS_MAX) return false;
    this.#last += 1;
    this.#waiting.set(this.#last, { reply, beatsLeft: FORWARD_BEATS_MAX });
    // Both stand in memory that the next packet overwrites, most of which is somebody else's.
    const bytes = Uint8Array.from(packet);
    const from = Uint8Array.from(peer) as IpBytes;
    this.#tell({ kind: "forward", packet: this.#last, bytes, peer: from });
    return true;
  }

  /** Sends on what the leader has answered; to a packet that is given up it does nothing. */
  answer({ packet, message }: Extract<ToWorker, { kind: "answer" }>): void {
    const waiting = this.#waiting.get(packet);
    this.#waiting.delete(packet);
    if (waiting !== undefined && message !== undefined) waiting.reply(message);
  }

  /** Gives up what has waited for too many beats. */
  beat(): void {
    for (const [packet, waiting] of this.#waiting) {
      waiting.beatsLeft -= 1;
      if (waiting.beatsLeft <= 0) this.#waiting.delete(packet);
    }
  }
}
