import { background } from "../../common/background.ts";
import { type Clock, clockFrom } from "../../common/clock.ts";
import { formatProblem } from "../../common/file-problem.ts";
import { type Logger, relayLogger } from "../../common/log.ts";
import { MetricsRelay } from "../../common/metrics-relay.ts";
import { systemRandom } from "../../common/random.ts";
import { QueryCounters } from "../admin/counters.ts";
import { GuardCounters } from "../admin/guard-counters.ts";
import { SigningCounters } from "../admin/signing-metrics.ts";
import { UdpErrorCounters } from "../admin/udp-error-counters.ts";
import { type FirstAnswerer, guardOptions, inPlaceAnswerer, packetAnswerer } from "../answerer.ts";
import { LiveSigning } from "../data/live-signing.ts";
import { steeredPairs, steeredSets } from "../data/snapshot.ts";
import { Guard } from "../guard.ts";
import { QueryLines } from "../log/query-log.ts";
import type { CookieSecrets } from "../policy/cookie.ts";
import { isForTransfers } from "../transfer/service.ts";
import { listenUdp } from "../transport/udp.ts";
import type { UdpListener } from "../transport/udp-listener.ts";
import { Forwards } from "./forwards.ts";
import {
  BEAT_MS,
  type FromWorker,
  STALE_BEATS_MAX,
  type ToWorker,
  type WorkerOrder,
  type ZonesChange,
} from "./messages.ts";
import { Replica } from "./replica.ts";

/** Lines of its log between two beats; later ones are left out. */
const LOG_LINES_MAX = 100;

/** Characters of the query log that are sent at once, and not only with the next beat. */
const LINES_SENT_AT = 65_536;

/** What a worker can do in the world. */
export interface WorkerEnds {
  readonly tell: (message: FromWorker) => void;
  /** Ends the thread and closes all that it has open. */
  readonly end: (code: number) => void;
}

/** One thread that answers over UDP as the leader does, from what the leader tells it. */
export class WorkerRouter {
  readonly #order: WorkerOrder;
  readonly #ends: WorkerEnds;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #relay = new MetricsRelay();
  /** The leader knows which sites have series of their own. */
  readonly #counters = new QueryCounters(this.#relay, { count: (site) => site });
  readonly #refusals = this.#relay.counter("dns_refusals_total");
  readonly #udpErrors = new UdpErrorCounters(this.#relay);
  readonly #replica: Replica;
  readonly #guard: Guard;
  readonly #guardCounters: GuardCounters;
  readonly #signing: LiveSigning | undefined;
  readonly #signingCounters: SigningCounters | undefined;
  readonly #forwards: Forwards;
  readonly #listeners: UdpListener[] = [];
  readonly #queries: QueryLines | undefined;
  #lines = "";
  #lineCount = 0;
  #secrets: CookieSecrets;
  #changing: Promise<void> = Promise.resolve();
  #isListening = false;
  #beats = 0;
  #silentBeats = 0;
  #logLinesLeft = LOG_LINES_MAX;

  constructor(order: WorkerOrder, ends: WorkerEnds) {
    this.#order = order;
    this.#ends = ends;
    this.#clock = clockFrom(order.origin);
    this.#log = relayLogger((line) => {
      this.#logLinesLeft -= 1;
      if (this.#logLinesLeft >= 0) ends.tell({ kind: "log", line });
    });
    this.#secrets = order.secrets;
    this.#replica = new Replica({ ...order, clock: this.#clock });
    const { seed, buckets } = order;
    const secrets = () => this.#secrets;
    this.#guard = new Guard(
      guardOptions(order.service),
      { clock: this.#clock, seed, buckets, secrets },
      (outcome, count) => this.#counters.count("udp", outcome, count),
    );
    this.#guardCounters = new GuardCounters(this.#relay, this.#guard);
    const { queries } = order;
    const logged = { router: queries?.router ?? "", clock: this.#clock, random: systemRandom };
    this.#queries =
      queries && new QueryLines(queries.config, logged, (line) => this.#addLine(line));
    this.#forwards = new Forwards(ends.tell);
    this.#signing = this.#makeSigning();
    this.#signingCounters = this.#signing && new SigningCounters(this.#relay, this.#signing);
    this.#beatLater();
  }

  /** Does what the leader says. */
  take(message: ToWorker): void {
    switch (message.kind) {
      case "view":
        this.#replica.takeView(message);
        this.#changed();
        return;
      case "zones":
        this.#changing = this.#changing.then(() => this.#takeZones(message));
        this.#changing.catch((error: unknown) => {
          // Whatever is served then is not what the leader serves.
          this.#log.error({ event: "worker-failed", err: error });
          this.#ends.end(1);
        });
        return;
      case "beat":
        this.#silentBeats = 0;
        return;
      case "secrets":
        this.#secrets = message.secrets;
        return;
      case "keys":
        if (this.#signing) background(this.#log, "look at the keys", this.#signing.look());
        return;
      case "count":
        this.#tellCounts(message.asked);
        return;
      case "answer":
        this.#forwards.answer(message);
        return;
      case "stop":
        this.#stop();
    }
  }

  async #takeZones(change: ZonesChange): Promise<void> {
    await this.#replica.takeZones(change);
    this.#changed();
    if (!this.#isListening) await this.#listen();
    this.#ends.tell({ kind: "serves", serial: change.serial });
  }

  #changed(): void {
    if (this.#isListening) this.#signing?.signAhead();
  }

  /** The view always comes before the zones, so that the first zones make everything whole. */
  async #listen(): Promise<void> {
    const { addresses, layer, service } = this.#order;
    this.#startSigning();
    const common = {
      guard: this.#guard,
      counters: this.#counters,
      queries: this.#queries,
      snapshot: () => this.#replica.snapshot(),
      clock: this.#clock,
      log: this.#log,
    };
    for (const address of addresses) {
      const listener = await listenUdp(address, {
        answer: packetAnswerer({ ...common, first: this.#first }),
        answerInPlace: inPlaceAnswerer(common),
        log: this.#log,
        proxyFrom: service.proxy?.from ?? [],
        onBroken: () => this.#refusals.add({ transport: "udp", reason: "proxy-header" }),
        layer,
        reusePort: true,
      });
      this.#listeners.push(listener);
    }
    this.#isListening = true;
    this.#ends.tell({ kind: "ready" });
  }

  /** Secrets, journals and zones of primaries are the leader's. */
  readonly #first: FirstAnswerer = (packet, peer, _transport, _out, way) => {
    const isForLeader = this.#order.hasTransfers && isForTransfers(packet);
    if (!isForLeader || way === undefined || typeof way === "function") return undefined;
    if (!this.#forwards.take(packet, peer, way.reply())) {
      this.#refusals.add({ transport: "udp", reason: "busy" });
    }
    return 0;
  };

  #makeSigning(): LiveSigning | undefined {
    const { dnssec } = this.#order;
    if (dnssec === undefined) return undefined;
    return new LiveSigning({
      ...dnssec,
      // Successors of keys are the leader's to make.
      rollsOver: false,
      clock: this.#clock,
      random: systemRandom,
      log: this.#log,
      subjects: () => {
        const view = this.#replica.view();
        const { zones } = this.#replica.snapshot();
        return { zones, steered: steeredSets(view), pairs: steeredPairs(view) };
      },
      onChange: (signing) => this.#replica.setSigning(signing),
    });
  }

  #startSigning(): void {
    const loaded = this.#signing?.load();
    if (loaded === undefined) return;
    if (!loaded.ok) throw new Error(loaded.error.map(formatProblem).join("\n"));
    this.#replica.setSigning(loaded.value);
    this.#signing?.start();
  }

  #beatLater(): void {
    this.#clock.after(BEAT_MS, () => {
      this.#beats += 1;
      this.#silentBeats += 1;
      this.#logLinesLeft = LOG_LINES_MAX;
      if ((this.#beats * BEAT_MS) % 1_000 === 0) this.#counters.nextSecond();
      this.#forwards.beat();
      this.#tellCounts();
      this.#tellLines();
      // The leader may have withdrawn since what is answered here.
      if (this.#silentBeats > STALE_BEATS_MAX) this.#ends.end(1);
      else this.#beatLater();
    });
  }

  #tellCounts(asked?: number): void {
    this.#guard.flush();
    this.#counters.flush();
    this.#guardCounters.flush();
    this.#signingCounters?.flush();
    for (const listener of this.#listeners) this.#udpErrors.flush(listener);
    const counts = this.#relay.taken();
    this.#ends.tell({ kind: "counts", counts, ...(asked !== undefined && { asked }) });
  }

  #addLine(line: string): void {
    this.#lines += line;
    this.#lineCount += 1;
    if (this.#lines.length >= LINES_SENT_AT) this.#tellLines();
  }

  #tellLines(): void {
    if (this.#lineCount === 0) return;
    this.#ends.tell({ kind: "lines", text: this.#lines, count: this.#lineCount });
    this.#lines = "";
    this.#lineCount = 0;
  }

  #stop(): void {
    this.#tellLines();
    this.#signing?.stop();
    const closed = Promise.all(this.#listeners.map((listener) => listener.close()));
    background(
      this.#log,
      "close",
      closed.then(() => this.#ends.end(0)),
    );
  }
}
