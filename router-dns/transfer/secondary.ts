import { rm } from "node:fs/promises";
import type { SocketAddress } from "../../common/address.ts";
import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { IpBytes } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import { fail } from "../../common/result.ts";
import { formatName, type Name } from "../wire/name.ts";
import type { Rdata } from "../wire/rdata.ts";
import type { Zone } from "../zone/zone.ts";
import { type Arrival, fetchZone } from "./fetch-zone.ts";
import { keepZone, readKeptZone } from "./kept-zone.ts";
import { expiry, planAfterFailure, planAfterSuccess, type RefreshPlan } from "./refresh.ts";
import { serialOf } from "./serial.ts";
import type { TsigKey } from "./tsig.ts";
import type { Turnstile } from "./turnstile.ts";

/** A zone that is fetched from other servers. */
export interface SecondaryConfig {
  readonly origin: Name;
  /** In the order in which they are asked. */
  readonly primaries: readonly (SocketAddress & { readonly bytes: IpBytes })[];
  readonly key: TsigKey | undefined;
  /** Where it is kept for the next start. */
  readonly file: string;
}

/** How a fetch ended: the label values of `dns_transfers_in_total{result}`. */
export type FetchResult = "current" | "changes" | "whole" | "failed";

/** What a secondary needs, and whom it tells. */
export interface SecondaryOptions {
  /** Bounds the fetches of all zones that go on at the same time. */
  readonly turnstile: Turnstile;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Why a version cannot be served, as a sentence; undefined: it can. */
  readonly refusal: (zone: Zone) => string | undefined;
  /** Another version is there, or none any more because it has expired. */
  readonly onZone: (zone: Zone | undefined) => void;
  readonly onFetch: (result: FetchResult) => void;
}

/**
 * Keeps one zone as its primaries have it: asks at the times that the SOA says and at each notice,
 * serves what it has until it expires, and starts again from its file. RFC 1034 section 4.3.5.
 */
export class Secondary {
  readonly config: SecondaryConfig;
  readonly #options: SecondaryOptions;
  #zone: Zone | undefined;
  #plan: RefreshPlan;
  #cancel: () => void = () => undefined;
  #fetching = false;
  #work: Promise<void> = Promise.resolve();
  /** A notice came during a fetch, which may have missed what it is about. */
  #again = false;
  #stopped = false;

  constructor(config: SecondaryConfig, options: SecondaryOptions) {
    this.config = config;
    this.#options = options;
    this.#plan = { nextAt: options.clock.now(), expiresAt: undefined };
  }

  /** The version that is served. */
  get zone(): Zone | undefined {
    return this.#zone;
  }

  /** Reads what was kept, and begins to ask. */
  start(): void {
    const { clock, log, refusal } = this.#options;
    const read = readKeptZone(this.config.file, this.config.origin);
    const reason = read.ok && read.value !== undefined ? refusal(read.value.zone) : undefined;
    const kept = reason === undefined ? read : fail(reason);
    if (!kept.ok) log.error({ event: "kept-zone-refused", reason: kept.error });
    const soa = kept.ok ? kept.value?.zone.soa.rdatas[0] : undefined;
    if (kept.ok && kept.value !== undefined && soa !== undefined) {
      const expiresAt = expiry(soa, kept.value.confirmedAt);
      this.#plan = { nextAt: clock.now(), expiresAt };
      if (expiresAt > clock.now()) this.#take(kept.value.zone);
    }
    this.#refresh();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** Stops for good, and forgets what was kept. */
  async discard(): Promise<void> {
    this.stop();
    await this.#work;
    await rm(this.config.file, { force: true });
  }

  /** A primary says that there is a new version. RFC 1996 section 3.11. */
  notify(): void {
    if (this.#fetching) this.#again = true;
    else if (!this.#stopped) this.#refresh();
  }

  #refresh(): void {
    this.#cancel();
    this.#fetching = true;
    this.#work = this.#options.turnstile.pass(() => this.#fetch());
    background(this.#options.log, "secondary", this.#work);
  }

  async #fetch(): Promise<void> {
    if (this.#stopped) return;
    const { clock, log, onFetch, random, refusal } = this.#options;
    const zone = formatName(this.config.origin);
    let arrival: Arrival | undefined;
    for (const primary of this.config.primaries) {
      const result = await fetchZone({
        primary,
        zone: this.config.origin,
        clock,
        random,
        ...(this.#zone === undefined ? {} : { present: this.#zone }),
        ...(this.config.key === undefined ? {} : { key: this.config.key }),
      });
      if (this.#stopped) return;
      const came = result.ok && result.value.kind !== "current" ? result.value.zone : undefined;
      const reason = result.ok ? came && refusal(came) : result.error;
      if (result.ok && reason === undefined) {
        arrival = result.value;
        break;
      }
      log.warn({ event: "transfer-failed", zone, reason });
    }
    onFetch(arrival?.kind ?? "failed");
    await this.#settle(arrival);
    this.#fetching = false;
    if (this.#stopped) return;
    if (this.#again) {
      this.#again = false;
      this.#refresh();
    } else {
      this.#schedule();
    }
  }

  async #settle(arrival: Arrival | undefined): Promise<void> {
    const { clock, log, random } = this.#options;
    const now = clock.now();
    if (arrival === undefined) {
      this.#plan = planAfterFailure(soaOf(this.#zone), this.#plan, now);
      return;
    }
    if (arrival.kind !== "current") {
      const { kind, bytes } = arrival;
      const serial = serialOf(arrival.zone);
      const zone = formatName(this.config.origin);
      log.info({ event: "zone-transferred", zone, kind, serial, bytes });
      this.#take(arrival.zone);
    }
    const soa = soaOf(this.#zone);
    if (soa === undefined || this.#zone === undefined) return;
    this.#plan = planAfterSuccess(soa, now, random.below(1_000) / 1_000);
    try {
      await keepZone(this.config.file, { zone: this.#zone, confirmedAt: now }, clock);
    } catch (error) {
      log.error({ event: "zone-not-kept", file: this.config.file, err: error });
    }
  }

  /** The next question, or the moment at which what is there may not be served any more. */
  #schedule(): void {
    const { clock } = this.#options;
    const { nextAt, expiresAt } = this.#plan;
    const now = clock.now();
    const isExpiryFirst = this.#zone !== undefined && expiresAt !== undefined && expiresAt < nextAt;
    const at = isExpiryFirst ? expiresAt : nextAt;
    this.#cancel = clock.after(Math.max(0, at - now), () => {
      if (isExpiryFirst && clock.now() >= expiresAt) this.#expire();
      if (isExpiryFirst) this.#schedule();
      else this.#refresh();
    });
  }

  #expire(): void {
    const zone = formatName(this.config.origin);
    this.#options.log.error({ event: "zone-expired", zone });
    this.#take(undefined);
  }

  #take(zone: Zone | undefined): void {
    this.#zone = zone;
    this.#options.onZone(zone);
  }
}

function soaOf(zone: Zone | undefined): Rdata | undefined {
  return zone?.soa.rdatas[0];
}
