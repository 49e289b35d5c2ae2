import type { Worker } from "node:worker_threads";
import type { LiveParts } from "../data/live.ts";
import { packColumns } from "../data/map-parcel.ts";
import type { CookieSecrets } from "../policy/cookie.ts";
import {
  type FromWorker,
  SILENT_BEATS_MAX,
  STALE_BEATS_MAX,
  type ToWorker,
  type ZonesChange,
} from "./messages.ts";
import type { ZoneParcel } from "./zone-parcel.ts";

/** Beats that a thread may take until it answers: it builds every zone. */
const START_BEATS_MAX = 240;

/** Why a worker was replaced: values of `dns_worker_ends_total{reason}`. */
export type EndReason = "died" | "silent" | "stale" | "slow-start";

/** One worker as the leader sees it: what it has been told, and what has been heard of it. */
export class Member {
  readonly number: number;
  readonly #thread: Worker;
  #isReady = false;
  #silentBeats = 0;
  #staleBeats = 0;
  #startBeats = 0;
  /** Zones that it ought to serve, that it was told, and that it serves, by their serials. */
  #owed = 0;
  /** What it owed when the beats were first counted that it is behind. */
  #due = 0;
  #told = 0;
  #serves = 0;
  #zones: ReadonlySet<number> = new Set();
  #parts: LiveParts | undefined;
  #secrets: CookieSecrets;

  constructor(number: number, thread: Worker, secrets: CookieSecrets) {
    this.number = number;
    this.#thread = thread;
    this.#secrets = secrets;
  }

  /** True if it answers. */
  get isReady(): boolean {
    return this.#isReady;
  }

  tell(message: ToWorker): void {
    this.#thread.postMessage(message, []);
  }

  heard(message: FromWorker): void {
    this.#silentBeats = 0;
    if (message.kind === "ready") this.#isReady = true;
    if (message.kind !== "serves") return;
    this.#serves = message.serial;
  }

  /** It ought to serve these zones, as soon as it is told them. */
  owes(serial: number): void {
    this.#owed = serial;
  }

  /** True if it has not been told these zones. */
  lacks(serial: number): boolean {
    return this.#told < serial;
  }

  /** Calls back when the thread has ended. */
  onExit(listener: () => void): void {
    this.#thread.once("exit", listener);
  }

  /** Says what steers, as far as it has changed. */
  tellView(parts: LiveParts): void {
    const before = this.#parts;
    const { sites, health, plan, built } = parts;
    const isNew = (name: keyof LiveParts) => before?.[name] !== parts[name];
    const change = {
      ...(isNew("sites") && { sites }),
      ...(isNew("health") && { health }),
      ...((before === undefined || isNew("plan")) && { load: { plan } }),
      ...(isNew("built") && { map: packColumns(built.map) }),
    };
    this.#parts = parts;
    if (Object.keys(change).length > 0) this.tell({ kind: "view", ...change });
  }

  /** Numbers of those zones that it has not been told. */
  lacking(numbers: readonly number[]): readonly number[] {
    return numbers.filter((number) => !this.#zones.has(number));
  }

  /** Says which zones are served. `parcels` has at least those that it lacks. */
  tellZones(
    change: Omit<ZonesChange, "kind" | "fresh">,
    parcels: ReadonlyMap<number, ZoneParcel>,
  ): void {
    const fresh = new Map<number, ZoneParcel>();
    for (const number of this.lacking(change.numbers)) {
      const parcel = parcels.get(number);
      if (parcel !== undefined) fresh.set(number, parcel);
    }
    this.#zones = new Set(change.numbers);
    this.#told = change.serial;
    this.tell({ kind: "zones", ...change, fresh });
  }

  tellSecrets(secrets: CookieSecrets): void {
    if (secrets === this.#secrets) return;
    this.#secrets = secrets;
    this.tell({ kind: "secrets", secrets });
  }

  /** Another beat has passed; gives why it has to be replaced, if it has. */
  beat(): EndReason | undefined {
    this.#silentBeats += 1;
    if (!this.#isReady) {
      this.#startBeats += 1;
      return this.#startBeats > START_BEATS_MAX ? "slow-start" : this.#tellBeat();
    }
    if (this.#serves >= this.#due) {
      this.#due = this.#owed;
      this.#staleBeats = 0;
    }
    if (this.#serves < this.#due) this.#staleBeats += 1;
    if (this.#silentBeats > SILENT_BEATS_MAX) return "silent";
    return this.#staleBeats > STALE_BEATS_MAX ? "stale" : this.#tellBeat();
  }

  /** Ends it whatever it does; its sockets close with it. */
  async terminate(): Promise<void> {
    await this.#thread.terminate();
  }

  #tellBeat(): undefined {
    this.tell({ kind: "beat" });
    return undefined;
  }
}
