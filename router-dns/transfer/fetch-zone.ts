import { connect, type Socket } from "node:net";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import type { Clock } from "../../common/clock.ts";
import type { Random } from "../../common/random.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { runInTurns } from "../../common/steps.ts";
import { MessageSplitter } from "../transport/tcp-framing.ts";
import { RCODE, rcodeName, TYPE } from "../wire/codes.ts";
import { type Name, nameKey } from "../wire/name.ts";
import type { Zone } from "../zone/zone.ts";
import { TransferReader } from "./assemble.ts";
import { soaRecord } from "./content.ts";
import { type PeerAnswer, readPeerAnswer } from "./message.ts";
import { askChanges, askZone } from "./query.ts";
import { isNewerSerial, serialOf } from "./serial.ts";
import { checkTsig, signMessage, type TsigKey } from "./tsig.ts";

/** Between two pieces of a transfer, and until the connection stands. */
const SILENCE_MS_MAX = 10_000;

/** Octets of one transfer, whatever a primary sends. */
const TRANSFER_BYTES_MAX = 2 ** 30;

/** RFC 8945 section 5.3.1: at most so many messages in a row may be without a signature. */
const UNSIGNED_MAX = 99;

/** What is asked of a primary. */
export interface ZoneRequest {
  readonly primary: SocketAddress;
  readonly zone: Name;
  /** The version that we have; left out: none. */
  readonly present?: Zone;
  readonly key?: TsigKey;
  readonly clock: Clock;
  readonly random: Random;
}

/** How a zone came. */
export type Arrival =
  | { readonly kind: "current" }
  | { readonly kind: "changes" | "whole"; readonly zone: Zone; readonly bytes: number };

/**
 * Asks a primary for its SOA, and if that is newer than ours for what has changed, or for all.
 * Never rejects; fails with a sentence about what went wrong. RFC 1034 section 4.3.5, RFC 1995.
 */
export async function fetchZone(request: ZoneRequest): Promise<Result<Arrival, string>> {
  const { present, primary } = request;
  const told = (text: string) => `${formatSocketAddress(primary)}: ${text}`;
  try {
    const soa = await ask(request, TYPE.SOA);
    if (!soa.ok) return fail(told(soa.error));
    const record = soa.value.answers.find(({ type }) => type === TYPE.SOA);
    if (record === undefined) return fail(told("it has no SOA of the zone"));
    if (present !== undefined && !isNewerSerial(serialOf(record), serialOf(present))) {
      return ok({ kind: "current" });
    }
    const changes = present === undefined ? undefined : await transfer(request, present);
    // A primary without IXFR, or with a broken one, may still have AXFR.
    const arrival = changes?.ok === true ? changes : await transfer(request, undefined);
    return arrival.ok ? arrival : fail(told(arrival.error));
  } catch (error) {
    return fail(told(error instanceof Error ? error.message : String(error)));
  }
}

async function ask(request: ZoneRequest, qtype: number): Promise<Result<PeerAnswer, string>> {
  const exchange = new Exchange(request, (id) => askZone(id, request.zone, qtype));
  let found: PeerAnswer | undefined;
  const result = await exchange.run((answer) => {
    found = answer;
    return "done";
  });
  if (!result.ok) return result;
  return found === undefined ? fail("no answer came") : ok(found);
}

async function transfer(
  request: ZoneRequest,
  before: Zone | undefined,
): Promise<Result<Arrival, string>> {
  const exchange = new Exchange(request, (id) =>
    before === undefined ? askZone(id, request.zone, TYPE.AXFR) : askChanges(id, soaRecord(before)),
  );
  const reader = new TransferReader(before === undefined ? undefined : serialOf(before));
  const result = await exchange.run((answer) => {
    const taken = reader.take(answer.answers);
    if (!taken.ok) return taken.error;
    return reader.isWhole ? "done" : "more";
  });
  if (!result.ok) return result;
  const zone = await runInTurns(reader.zone(request.zone, before), request.clock);
  if (!zone.ok) return zone;
  if (zone.value === before) return ok({ kind: "current" });
  const kind = reader.isIncremental ? "changes" : "whole";
  return ok({ kind, zone: zone.value, bytes: exchange.bytes });
}

/** One question over TCP, and the messages that answer it. */
class Exchange {
  readonly #request: ZoneRequest;
  readonly #id: number;
  readonly #message: Uint8Array;
  #mac: Uint8Array | undefined;
  #unsigned: Uint8Array[] = [];
  #answers = 0;
  bytes = 0;

  constructor(request: ZoneRequest, make: (id: number) => Uint8Array) {
    this.#request = request;
    this.#id = request.random.below(65_536);
    const message = make(this.#id);
    const { key } = request;
    if (key === undefined) {
      this.#message = message;
    } else {
      const signed = signMessage(message, { key, now: this.#now() });
      this.#message = signed.message;
      this.#mac = signed.mac;
    }
  }

  /** `take` says whether more is to come, that all is there, or what is wrong. */
  run(
    take: (answer: PeerAnswer) => "more" | "done" | (string & {}),
  ): Promise<Result<null, string>> {
    const { host, port } = this.#request.primary;
    return new Promise((resolve) => {
      const socket = connect({ host, port, noDelay: true });
      const end = (result: Result<null, string>): void => {
        socket.destroy();
        resolve(result);
      };
      socket.setTimeout(SILENCE_MS_MAX, () => end(fail("it says nothing")));
      socket.on("error", (error) => end(fail(error.message)));
      socket.on("close", () => end(fail("it closed the connection before the end")));
      socket.on("connect", () => send(socket, this.#message));
      const splitter = new MessageSplitter((message) => {
        const answer = this.#accept(message);
        const verdict = answer.ok ? take(answer.value) : answer.error;
        if (verdict === "more") return true;
        const isUnsigned = verdict === "done" && this.#unsigned.length > 0;
        if (isUnsigned) end(fail("the last message is not signed"));
        else end(verdict === "done" ? ok(null) : fail(verdict));
        return false;
      });
      socket.on("data", (chunk: Buffer) => {
        this.bytes += chunk.length;
        if (this.bytes > TRANSFER_BYTES_MAX) end(fail("it sends too much"));
        else splitter.push(chunk);
      });
    });
  }

  /** Checks that a message is the answer, and its signature. */
  #accept(message: Uint8Array): Result<PeerAnswer, string> {
    const signature = this.#checkSignature(message);
    if (!signature.ok) return signature;
    const answer = readPeerAnswer(message);
    if (answer === undefined) return fail("its answer is malformed");
    if (answer.id !== this.#id || (answer.flags & 0x8000) === 0) {
      return fail("it answered another question");
    }
    if (answer.rcode !== RCODE.NOERROR) return fail(`it said ${rcodeName(answer.rcode)}`);
    const [first] = answer.answers;
    const zone = nameKey(this.#request.zone);
    if (this.#answers === 0 && (first === undefined || nameKey(first.owner) !== zone)) {
      return fail("its answer does not begin with the zone");
    }
    this.#answers += 1;
    return ok(answer);
  }

  #checkSignature(message: Uint8Array): Result<null, string> {
    const { key } = this.#request;
    if (key === undefined) return ok(null);
    const verdict = checkTsig(message, {
      keys: new Map([[nameKey(key.name), key]]),
      now: this.#now(),
      ...(this.#mac === undefined ? {} : { priorMac: this.#mac }),
      ...(this.#answers === 0 ? {} : { stream: this.#unsigned }),
    });
    switch (verdict.kind) {
      case "signed":
        this.#mac = Uint8Array.from(verdict.mac);
        this.#unsigned = [];
        return ok(null);
      case "unsigned":
        if (this.#answers === 0) return fail("its answer is not signed");
        this.#unsigned.push(Uint8Array.from(message));
        return this.#unsigned.length > UNSIGNED_MAX ? fail("too little is signed") : ok(null);
      case "refused":
        return fail("its signature is wrong: is the key the same, are the clocks right?");
      case "malformed":
        return fail("its signature is malformed");
    }
  }

  #now(): number {
    return Math.floor(this.#request.clock.now() / 1000);
  }
}

function send(socket: Socket, message: Uint8Array): void {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  socket.write(Buffer.concat([length, message]));
}
