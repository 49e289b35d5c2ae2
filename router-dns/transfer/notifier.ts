import { createSocket } from "node:dgram";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import { OPCODE_NOTIFY } from "../wire/codes.ts";
import { formatName, type NameKey } from "../wire/name.ts";
import { wordAt } from "../wire/octets.ts";
import { soaRecord, type TransferZone } from "./content.ts";
import { notifyMessage } from "./query.ts";
import { serialOf } from "./serial.ts";
import { signMessage, type TsigKey } from "./tsig.ts";

/** RFC 1996 section 3.6: how often, and after what pauses, a notice is repeated. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 16_000] as const;

/** Whom to tell of new versions of a zone. */
export interface NotifyTarget {
  readonly address: SocketAddress;
  readonly key: TsigKey | undefined;
}

/** How a notice ended: the label values of `dns_notifies_total{result}`. */
export type NotifyResult = "acknowledged" | "unanswered";

/** What a notifier needs, and whom it tells. */
export interface NotifierOptions {
  readonly targets: (zone: NameKey) => readonly NotifyTarget[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onResult: (result: NotifyResult) => void;
}

/**
 * Tells secondaries of new versions, until they answer or have been told often enough. A newer
 * version takes the place of the notice of an older one. RFC 1996.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #pending = new Map<string, Notice>();
  #stopped = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Tells all who are to know of a zone. */
  tell(key: NameKey, source: TransferZone): void {
    if (this.#stopped) return;
    for (const target of this.#options.targets(key)) {
      const name = `${formatSocketAddress(target.address)} ${key}`;
      this.#pending.get(name)?.end();
      const notice = new Notice(target, source, this.#options, (result) => {
        if (this.#pending.get(name) === notice) this.#pending.delete(name);
        this.#options.onResult(result);
      });
      this.#pending.set(name, notice);
      notice.send(0);
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const notice of this.#pending.values()) notice.end();
    this.#pending.clear();
  }
}

/** One version of one zone, and one secondary that is to hear of it. */
class Notice {
  readonly #target: NotifyTarget;
  readonly #source: TransferZone;
  readonly #options: NotifierOptions;
  readonly #onResult: (result: NotifyResult) => void;
  readonly #socket;
  readonly #id: number;
  #cancel: () => void = () => undefined;
  #over = false;

  constructor(
    target: NotifyTarget,
    source: TransferZone,
    options: NotifierOptions,
    onResult: (result: NotifyResult) => void,
  ) {
    this.#target = target;
    this.#source = source;
    this.#options = options;
    this.#onResult = onResult;
    this.#id = options.random.below(65_536);
    this.#socket = createSocket(target.address.host.includes(":") ? "udp6" : "udp4");
    this.#socket.unref();
    // Nobody there is the same as no answer: the next attempt may meet somebody.
    this.#socket.on("error", () => undefined);
    this.#socket.on("message", (answer, { port }) => {
      const isAnswer =
        answer.length >= 12 &&
        port === target.address.port &&
        wordAt(answer, 0) === this.#id &&
        (wordAt(answer, 2) & 0xf800) === (0x8000 | (OPCODE_NOTIFY << 11));
      if (isAnswer) this.#finish("acknowledged");
    });
  }

  send(attempt: number): void {
    const { clock, log } = this.#options;
    const pause = PAUSES_MS[attempt];
    if (pause === undefined) {
      const zone = formatName(this.#source.zone.origin);
      const to = formatSocketAddress(this.#target.address);
      log.warn({ event: "notify-unanswered", zone, to, serial: serialOf(this.#source.zone) });
      this.#finish("unanswered");
      return;
    }
    const plain = notifyMessage(this.#id, soaRecord(this.#source.zone));
    const { key, address } = this.#target;
    const now = Math.floor(clock.now() / 1000);
    const message = key === undefined ? plain : signMessage(plain, { key, now }).message;
    this.#socket.send(message, address.port, address.host, () => undefined);
    this.#cancel = clock.after(pause, () => this.send(attempt + 1));
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancel();
    this.#socket.close();
  }

  #finish(result: NotifyResult): void {
    if (this.#over) return;
    this.end();
    this.#onResult(result);
  }
}
