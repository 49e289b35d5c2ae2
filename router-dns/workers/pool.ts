import { Worker } from "node:worker_threads";
import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { IpBytes } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import type { Metrics } from "../../common/metrics.ts";
import { addRelayed, type RelayedCounts } from "../../common/metrics-relay.ts";
import type { SiteLabels } from "../../common/site-labels.ts";
import { runInTurns } from "../../common/steps.ts";
import { RouterFilesError } from "../data/files.ts";
import type { LiveSnapshot } from "../data/live.ts";
import type { CookieSecrets } from "../policy/cookie.ts";
import type { Signing } from "../signing.ts";
import { ANSWER_BYTES_MAX } from "../transport/datagram.ts";
import type { Zone, ZoneTable } from "../zone/zone.ts";
import { type EndReason, Member } from "./member.ts";
import { BEAT_MS, type FromWorker, type WorkerOrder } from "./messages.ts";
import { packSteps, type ZoneParcel } from "./zone-parcel.ts";

/** Wait before a worker is started again; doubles as long as it does not come to answer. */
const RESTART_MS = 250;
const RESTART_MS_MAX = 30_000;

/** How long a scrape waits for what workers have counted; what comes later is in the next one. */
const COUNT_MS = 1_000;

/** What every worker is told, but for its number and the secrets of the moment. */
export type CommonOrder = Omit<WorkerOrder, "number" | "secrets">;

/** What a pool needs. */
export interface PoolOptions {
  /** Threads beside the main one. */
  readonly size: number;
  readonly live: LiveSnapshot;
  readonly secrets: () => CookieSecrets;
  /** Answers a packet that came to a worker into `out`; gives its octets, 0 for none. */
  readonly answer: (packet: Uint8Array, peer: IpBytes, out: Uint8Array) => number;
  readonly metrics: Metrics;
  /** Which sites have series of their own. */
  readonly labels: Pick<SiteLabels, "count">;
  /** Told what workers have counted, after it has been added to the metrics. */
  readonly onCounts: (counts: RelayedCounts) => void;
  /** Gets lines of the query log. */
  readonly onLines: (text: string, count: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Starts a thread; left out: `worker.ts`. */
  readonly spawn?: (order: WorkerOrder) => Worker;
}

interface Zones {
  readonly serial: number;
  readonly table: ZoneTable;
}

/**
 * The threads that answer over UDP beside the main one, which leads: it tells them what it answers
 * from, answers what they may not, adds up what they count, and replaces who fails.
 */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #members = new Map<number, Member>();
  readonly #numbers = new WeakMap<Zone, number>();
  readonly #out = new Uint8Array(ANSWER_BYTES_MAX);
  readonly #ends;
  readonly #restartMs = new Map<number, number>();
  readonly #counting = new Map<number, { readonly from: Set<number>; readonly done: () => void }>();
  #order: CommonOrder | undefined;
  #zones: Zones;
  #signing: Signing;
  #zoneCount = 0;
  #asked = 0;
  #sending: Promise<void> | undefined;
  #isStopped = false;
  #onReady: () => void = () => undefined;
  #onFailedStart: (error: unknown) => void = () => undefined;
  #cancelBeat: () => void = () => undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    const { live, metrics, size } = options;
    this.#ends = metrics.counter("dns_worker_ends_total");
    const { zones, signing } = live.snapshot();
    this.#zones = { serial: 1, table: zones };
    this.#signing = signing;
    metrics.onScrape("dns_workers", () => [[{}, 1 + this.#readyCount()]]);
    if (size > 0) live.watch(() => this.#changed());
  }

  /** Why not all of them answer; undefined if all do. */
  get lack(): string | undefined {
    const { size } = this.#options;
    const count = this.#readyCount();
    return count === size ? undefined : `${count + 1} of ${size + 1} workers answer`;
  }

  /** Resolves when all answer; rejects if one ends before it does. */
  async start(order: CommonOrder): Promise<void> {
    const { size } = this.#options;
    this.#order = order;
    if (size === 0) return;
    this.#beatLater();
    const started = new Promise<void>((resolve, reject) => {
      this.#onReady = () => {
        if (this.lack === undefined) resolve();
      };
      this.#onFailedStart = reject;
    });
    for (let number = 1; number <= size; number += 1) this.#spawn(number);
    await started;
    this.#onFailedStart = () => undefined;
  }

  /** Resolves when what all have counted until now is in the metrics, or after COUNT_MS. */
  async count(): Promise<void> {
    const ready = [...this.#members.values()].filter(({ isReady }) => isReady);
    if (ready.length === 0) return;
    this.#asked += 1;
    const asked = this.#asked;
    let cancel: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(COUNT_MS, resolve);
      this.#counting.set(asked, {
        from: new Set(ready.map(({ number }) => number)),
        done: resolve,
      });
      for (const member of ready) member.tell({ kind: "count", asked });
    });
    cancel();
    this.#counting.delete(asked);
  }

  /** Ends all: they close their ports by themselves, or are ended at the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopped = true;
    this.#cancelBeat();
    const members = [...this.#members.values()];
    await Promise.all(members.map((member) => this.#end(member, deadlineMs)));
  }

  async #end(member: Member, deadlineMs: number): Promise<void> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(deadlineMs, resolve);
      member.onExit(() => {
        cancel();
        resolve();
      });
      member.tell({ kind: "stop" });
    });
    await member.terminate();
  }

  #readyCount(): number {
    return [...this.#members.values()].filter(({ isReady }) => isReady).length;
  }

  #spawn(number: number): void {
    if (this.#order === undefined || this.#isStopped) return;
    const { spawn = spawnWorker, secrets, live } = this.#options;
    const order = { ...this.#order, number, secrets: secrets() };
    const thread = spawn(order);
    const member = new Member(number, thread, order.secrets);
    this.#members.set(number, member);
    thread.on("message", (message: FromWorker) => this.#heard(member, message));
    thread.on("error", (error) => {
      this.#options.log.error({ event: "worker-failed", worker: number, err: error });
    });
    thread.on("exit", () => this.#gone(member, "died"));
    member.tellView(live.parts());
    this.#sendZones();
  }

  #heard(member: Member, message: FromWorker): void {
    const { number } = member;
    const { answer, labels, log, metrics, onCounts, onLines } = this.#options;
    member.heard(message);
    switch (message.kind) {
      case "ready":
        this.#restartMs.delete(number);
        log.info({ event: "worker-ready", worker: number });
        this.#onReady();
        return;
      case "serves":
        return;
      case "counts":
        addRelayed(metrics, message.counts, labels);
        onCounts(message.counts);
        if (message.asked !== undefined) this.#counted(message.asked, number);
        return;
      case "forward": {
        const length = answer(message.bytes, message.peer, this.#out);
        const answered = length === 0 ? undefined : this.#out.slice(0, length);
        member.tell({ kind: "answer", packet: message.packet, message: answered });
        return;
      }
      case "lines":
        onLines(message.text, message.count);
        return;
      case "log":
        log[message.line.level]({ ...message.line.facts, worker: number });
    }
  }

  #counted(asked: number, number: number): void {
    const counting = this.#counting.get(asked);
    counting?.from.delete(number);
    if (counting?.from.size === 0) counting.done();
  }

  /** Starts another one in the place of who is gone, once for each. */
  #gone(member: Member, reason: EndReason): void {
    const { number } = member;
    if (this.#members.get(number) !== member || this.#isStopped) return;
    this.#members.delete(number);
    for (const asked of this.#counting.keys()) this.#counted(asked, number);
    const { clock, log } = this.#options;
    this.#ends.add({ reason });
    const wait = this.#restartMs.get(number) ?? RESTART_MS;
    this.#restartMs.set(number, Math.min(RESTART_MS_MAX, wait * 2));
    log.error({ event: "worker-ended", worker: number, reason, againInMs: wait });
    background(log, "end of a worker", member.terminate());
    this.#onFailedStart(new RouterFilesError([`worker ${number} ended at its start: ${reason}`]));
    clock.after(wait, () => this.#spawn(number));
  }

  #beatLater(): void {
    this.#cancelBeat = this.#options.clock.after(BEAT_MS, () => {
      const secrets = this.#options.secrets();
      for (const member of this.#members.values()) {
        member.tellSecrets(secrets);
        const reason = member.beat();
        if (reason !== undefined) this.#gone(member, reason);
      }
      this.#beatLater();
    });
  }

  #changed(): void {
    const { live } = this.#options;
    const parts = live.parts();
    for (const member of this.#members.values()) member.tellView(parts);
    const { zones, signing } = live.snapshot();
    if (signing !== this.#signing) {
      this.#signing = signing;
      for (const member of this.#members.values()) member.tell({ kind: "keys" });
    }
    if (zones === this.#zones.table) return;
    this.#zones = { serial: this.#zones.serial + 1, table: zones };
    for (const member of this.#members.values()) member.owes(this.#zones.serial);
    this.#sendZones();
  }

  /** Packs what workers lack, in turns, and sends it; and again if there was news meanwhile. */
  #sendZones(): void {
    if (this.#sending !== undefined || this.#isStopped) return;
    const { log } = this.#options;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    background(log, "zones for workers", this.#sending);
  }

  async #sendAll(): Promise<void> {
    while (this.#lackZones().length > 0 && !this.#isStopped) await this.#send();
  }

  #lackZones(): readonly Member[] {
    return [...this.#members.values()].filter((member) => member.lacks(this.#zones.serial));
  }

  async #send(): Promise<void> {
    const { serial, table } = this.#zones;
    const { missing } = table;
    const zones = new Map([...table.byApex.values()].map((zone) => [this.#numberOf(zone), zone]));
    const numbers = [...zones.keys()];
    const members = this.#lackZones();
    const parcels = new Map<number, ZoneParcel>();
    for (const number of new Set(members.flatMap((member) => member.lacking(numbers)))) {
      const zone = zones.get(number);
      if (zone === undefined) continue;
      parcels.set(number, await runInTurns(packSteps(zone), this.#options.clock));
    }
    for (const member of members) member.tellZones({ serial, numbers, missing }, parcels);
  }

  #numberOf(zone: Zone): number {
    const known = this.#numbers.get(zone);
    if (known !== undefined) return known;
    this.#zoneCount += 1;
    this.#numbers.set(zone, this.#zoneCount);
    return this.#zoneCount;
  }
}

function spawnWorker(order: WorkerOrder): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { workerData: order });
}
