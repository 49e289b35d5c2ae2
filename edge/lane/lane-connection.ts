import type { Socket } from "node:net";
import type { MonotonicMs } from "../../common/clock.ts";
import { KEEP_ALIVE_MS, refuse } from "../accept/listener.ts";
import type { AccessLog } from "../access/access-log.ts";
import type { LineFrame } from "../access/line.ts";
import type { Deliverer } from "../serve/turns.ts";
import type { SecuredConnection } from "../tls/entrance.ts";
import { wholeText } from "./answer-text.ts";
import type { Hit } from "./find-hit.ts";
import type { Lane } from "./lane.ts";
import { PathAnswer } from "./path-answer.ts";
import { type FieldBlock, type RequestHead, readHead } from "./request-head.ts";
import { type SharedReads, shareReads } from "./shared-reads.ts";
import type { SilentConnection } from "./silence.ts";

/** Bytes of requests that wait behind the present one; then the connection is not read. */
const AHEAD_BYTES_MAX = 16_384;

/** Answers to requests that came together are written together, up to about so many bytes. */
const TOGETHER_BYTES_MAX = 65_536;

/** Bodies up to this size are written as one text with their head. */
const TEXT_BYTES_MAX = 8_192;

/** A head that comes in more pieces than this is for `node:http`: each of them is read anew. */
const PIECES_MAX = 32;

/** What Node says of a connection that stays open, and of one that does not. */
const STAYS_OPEN = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1000}\r\n\r\n`;
const CLOSES = "Connection: close\r\n\r\n";

/** What a connection is doing: at most one answer is under way. */
type Phase =
  /** It waits for a request. */
  | "waiting"
  /** A hit waits for its turn, or for the client to take it. */
  | "writing"
  /** A request is on the path of all requests. */
  | "answering"
  /** Nothing more is read: it is closing, or somebody else's. */
  | "over";

/** A hit that is not written as one text with others. */
interface Delivery {
  readonly asked: RequestHead;
  readonly hit: Hit;
  /** Its head. */
  readonly text: string;
}

/** One connection in the fast lane. */
export class LaneConnection implements Deliverer {
  readonly socket: Socket;
  /** What was agreed on, if it has been secured. */
  readonly #secured: SecuredConnection | undefined;
  readonly #lane: Lane;
  readonly #reads: SharedReads | undefined;
  #phase: Phase = "waiting";
  /** What has come and not been read yet, one character per byte. */
  #text = "";
  #pieces = 0;
  #isReading = false;
  #hasEnded = false;
  #block: FieldBlock | undefined;
  /** Answers that have not been handed to the socket. */
  #answers = "";
  /** Writes of the lane that the kernel has not taken as a whole. */
  #unwritten = 0;
  /** A large hit that waits for its turn. */
  #delivery: Delivery | undefined;
  /** What stands around lines of the access log, and for which fields. */
  #frame: { readonly block: FieldBlock; readonly text: LineFrame } | undefined;
  #stopReading: (() => void) | undefined;
  #path: PathAnswer | undefined;
  #closesAfter = false;
  #hasServed = false;
  /** When it began to wait, when the last byte came, when the request came that is answered. */
  #since: number;
  #lastByteAt: number;
  #cameAt: number;

  constructor(socket: Socket, lane: Lane, secured: SecuredConnection | undefined) {
    this.socket = socket;
    this.#lane = lane;
    this.#secured = secured;
    this.#since = lane.now();
    this.#lastByteAt = this.#since;
    this.#cameAt = this.#since;
    socket.on("error", ignore);
    this.#reads = shareReads(socket, this.#onData);
    if (this.#reads === undefined) socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("timeout", this.#onTimeout);
    socket.on("close", this.#onClose);
  }

  /** It waits between two requests. */
  get isIdle(): boolean {
    return this.#phase === "waiting" && this.#hasServed && this.#text === "";
  }

  /** How long it has been waiting; undefined while something else has to happen. */
  get silence(): SilentConnection | undefined {
    if (this.#phase !== "waiting") return undefined;
    return {
      hasServed: this.#hasServed,
      hasBegun: this.#text !== "",
      since: this.#since,
      lastByteAt: this.#lastByteAt,
    };
  }

  /** Ends it, whatever it is doing. */
  close(): void {
    this.#phase = "over";
    this.socket.destroy();
  }

  /** Tells the client that its request did not come in time. */
  timeOut(): void {
    this.#phase = "over";
    refuse(this.socket, 408);
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#phase === "over") return;
    const now = this.#lane.now();
    if (this.#text === "" && this.#phase === "waiting") this.#since = now;
    this.#lastByteAt = now;
    this.#text += bytes.toString("latin1");
    if (this.#phase === "waiting") this.#readOn(now);
    else if (this.#text.length > AHEAD_BYTES_MAX) this.socket.pause();
  };

  /** Answers all requests that are there, until one is not a hit or has to wait. */
  #readOn(now: MonotonicMs): void {
    this.#isReading = true;
    const text = this.#text;
    let at = 0;
    let isForLane = true;
    this.#cameAt = now;
    while (this.#phase === "waiting" && at < text.length) {
      const verdict = readHead(text, at, this.#block);
      if (verdict.kind !== "head") {
        isForLane = verdict.kind === "more";
        break;
      }
      at = verdict.end;
      this.#pieces = 0;
      this.#block = verdict.head.block;
      this.#answer(verdict.head);
      if (this.#answers.length > TOGETHER_BYTES_MAX) this.#flush();
    }
    this.#text = at === text.length ? "" : text.slice(at);
    this.#flush();
    this.#isReading = false;
    if (this.#phase !== "waiting") return;
    if (this.#text !== "") this.#pieces += 1;
    if (this.#hasEnded) this.#endAfterClient();
    else if (!isForLane || this.#pieces > PIECES_MAX) this.#handOver();
  }

  #answer(head: RequestHead): void {
    const hit = this.#lane.find(head, this.#secured);
    this.#hasServed = true;
    this.#closesAfter = !head.block.keepAlive;
    if (hit === undefined) {
      this.#flush();
      this.#answerByPath(head);
      return;
    }
    const [body, another] = hit.chunks;
    if (another !== undefined || (body?.length ?? 0) > TEXT_BYTES_MAX) {
      this.#flush();
      this.#phase = "writing";
      const text = hit.head + (this.#closesAfter ? CLOSES : STAYS_OPEN);
      this.#delivery = { asked: head, hit, text };
      this.#lane.edge.turns.give(this);
      return;
    }
    this.#answers += this.#answerText(hit, body);
    this.#note(hit, head);
    if (!this.#closesAfter) return;
    this.#flush();
    this.#finish();
  }

  #answerText(hit: Hit, body: Buffer | undefined): string {
    if (hit.facts !== undefined && !this.#closesAfter) {
      return wholeText(hit.facts, STAYS_OPEN, body);
    }
    const tail = this.#closesAfter ? CLOSES : STAYS_OPEN;
    return hit.head + tail + (body?.toString("latin1") ?? "");
  }

  /** Writes a large body when it is this connection's turn. */
  deliver(): void {
    const delivery = this.#delivery;
    this.#delivery = undefined;
    if (delivery === undefined || this.#phase !== "writing") return;
    const { hit, text, asked } = delivery;
    const pieces = [text, ...hit.chunks].map((chunk) => ({ chunk, encoding: "latin1" as const }));
    // What is called before this returns has nothing to go on with.
    this.#phase = "waiting";
    this.#unwritten += 1;
    this.socket._writev?.(pieces, this.#onWritten);
    this.#note(hit, asked);
    if (this.#unwritten === 0) {
      this.#writtenAll();
    } else {
      this.#stopReading = this.#lane.edge.store.read(hit.object, () => this.socket.destroy());
      this.#waitForWrite();
    }
  }

  /** Hands the answers that are ready to the socket, in one write. */
  #flush(): void {
    if (this.#answers === "") return;
    const answers = this.#answers;
    this.#answers = "";
    this.#unwritten += 1;
    // TLS takes one write at a time: the stream has to know of each.
    if (this.#secured === undefined) this.socket._write(answers, "latin1", this.#onWritten);
    else this.socket.write(answers, "latin1", this.#onWritten);
    if (this.#unwritten > 0 && this.#phase === "waiting") this.#waitForWrite();
  }

  /** The kernel takes no more for now: a client that does not take the rest is cut off. */
  #waitForWrite(): void {
    this.#phase = "writing";
    this.socket.setTimeout(this.#lane.idleMs);
  }

  /** Called before the write returns if the kernel has taken everything; under TLS always later. */
  readonly #onWritten = (error?: Error | null): void => {
    this.#unwritten -= 1;
    if (error !== undefined && error !== null) this.socket.destroy();
    else if (this.#phase === "writing") this.#writtenAll();
  };

  #writtenAll(): void {
    if (this.#unwritten > 0 || this.#delivery !== undefined) return;
    this.#stopReading?.();
    this.#stopReading = undefined;
    if (this.#closesAfter) this.#finish();
    else this.#waitForRequest();
  }

  #answerByPath(head: RequestHead): void {
    this.#phase = "answering";
    this.socket.setTimeout(this.#lane.idleMs);
    this.#path = new PathAnswer(this.socket, head, (staysOpen) => {
      this.#path = undefined;
      if (staysOpen) this.#waitForRequest();
      else this.#finish();
    });
    this.#lane.options.onRequest(this.#path.request, this.#path.response);
  }

  /** The next request may have come already. */
  #waitForRequest(): void {
    this.#phase = "waiting";
    this.#since = this.#lane.now();
    this.socket.setTimeout(0);
    if (this.#isReading) return;
    this.socket.resume();
    if (this.#text !== "" || this.#hasEnded) this.#readOn(this.#since);
  }

  /** Nothing comes after the present answer. */
  #finish(): void {
    this.#phase = "over";
    if (this.#unwritten > 0) this.socket.setTimeout(this.#lane.idleMs);
    this.socket.destroySoon();
  }

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    if (this.#phase === "waiting") this.#endAfterClient();
    // As `node:http` does: who stops sending while it waits for an answer does not want it.
    else if (this.#phase === "answering") this.socket.end();
  };

  /** The client sends no more: what it has begun will never be a request. */
  #endAfterClient(): void {
    this.#phase = "over";
    if (this.#text === "") this.socket.end();
    else refuse(this.socket, 400);
  }

  readonly #onDrain = (): void => {
    this.#path?.drained();
  };

  readonly #onTimeout = (): void => {
    if (!this.#lane.options.isWaiting(this.socket)) this.close();
  };

  readonly #onClose = (): void => {
    this.#phase = "over";
    this.#stopReading?.();
    this.#lane.leave(this);
  };

  /** Gives the connection, and what has come on it and is not answered, to `node:http`. */
  #handOver(): void {
    const { socket } = this;
    this.#phase = "over";
    this.#lane.leave(this);
    socket.off("error", ignore);
    if (this.#reads === undefined) socket.off("data", this.#onData);
    else this.#reads.stop();
    socket.off("end", this.#onEnd);
    socket.off("drain", this.#onDrain);
    socket.off("timeout", this.#onTimeout);
    socket.off("close", this.#onClose);
    socket.pause();
    this.#lane.options.handOver(socket);
    socket.unshift(Buffer.from(this.#text, "latin1"));
    this.#text = "";
    socket.resume();
  }

  #note(hit: Hit, asked: RequestHead): void {
    const { site, status, bodyBytes, sent } = hit;
    const { edge } = this.#lane;
    if (sent !== undefined && bodyBytes > 0) edge.forms.noteSent(sent);
    const seconds = (this.#lane.now() - this.#cameAt) / 1000;
    edge.metrics.note({
      site: site.name,
      cache: "hit",
      status,
      bodyBytes,
      firstByteSeconds: seconds,
      durationSeconds: seconds,
    });
    if (edge.access?.takes(status) === true) this.#log(edge.access, hit, asked, seconds);
  }

  #log(access: AccessLog, hit: Hit, { method, target, block }: RequestHead, seconds: number): void {
    if (this.#frame?.block !== block) {
      this.#frame = { block, text: access.laneFrame(this.socket, block.fields) };
    }
    access.noteHit(
      {
        site: hit.site,
        cache: "hit",
        reason: "fresh",
        rule: hit.rule,
        status: hit.status,
        bodyBytes: hit.bodyBytes,
        firstByteSeconds: seconds,
        durationSeconds: seconds,
        upstreamSeconds: undefined,
        collapsed: false,
        aborted: false,
        method,
        target,
      },
      this.#frame.text,
    );
  }
}

function ignore(): void {}
