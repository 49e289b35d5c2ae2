import { background } from "../../common/background.ts";
import type { Clock, MonotonicMs } from "../../common/clock.ts";
import type { AcmeConfig } from "../../common/config/acme.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import { type SealingKey, seal, unseal } from "../../common/sealed.ts";
import type { View } from "../../state/apply.ts";
import type { RecordChange } from "../../state/certificates.ts";
import { type StateStore, StateUnavailableError } from "../../state/store.ts";
import { Authority, newKey } from "./authority.ts";
import { AuthorityError } from "./http.ts";
import { getCertificate, pause } from "./order.ts";
import {
  dueCertificates,
  leftOvers,
  retryPauseMs,
  type WantedCertificate,
  wantedCertificates,
} from "./plan.ts";
import { whyNotYet } from "./ready.ts";

/** Which one of several control servers gets certificates. */
const LEASE = "acme";
/** A server that dies is followed by another after this. */
const LEASE_MS = 15_000;
/** How often the lease is asked for, and it is looked what is due. */
const ROUND_EVERY_MS = 2_000;
/** Certificates that are got at one time. */
const ORDERS_AT_ONCE = 4;
/** How long nodes may take to apply a challenge before the authority is told to come. */
const APPLIED_WITHIN_MS = 10_000;
const ACKNOWLEDGED_EVERY_MS = 100;
/** How often it is looked whether a host leads here by now, at first and in the end. */
const LOOK_EVERY_MS = 5_000;
const LOOK_EVERY_MS_MAX = 300_000;
/** As the log of changes names us. */
const BY = "acme";

/** Where certificates are got. */
export interface AcmeSettings {
  readonly config: Omit<AcmeConfig, "ca" | "renewBefore">;
  /** PEM of a private authority's own HTTPS certificate. */
  readonly ca?: string | undefined;
}

/** What getting certificates works with. */
export interface IssuerOptions extends AcmeSettings {
  readonly renewBeforeMs?: number | undefined;
  readonly domain: string;
  /** Of this process: no other one has it. */
  readonly holder: string;
  readonly store: StateStore;
  readonly sealingKey: SealingKey;
  /** What is in force, as far as it is known here. */
  readonly view: () => View;
  /** True if that is all that there is. */
  readonly isCurrent: () => boolean;
  /** Told of each certificate that came, or did not. */
  readonly onEnd: (result: "issued" | "failed") => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A look at names that do not lead here yet. */
interface Look {
  readonly again: MonotonicMs;
  readonly pauseMs: number;
  readonly reason: string;
}

/**
 * Gets the certificates that are wanted and renews them, as long as it holds the lease: one control
 * server does, and when it dies another goes on where it was. What is due is decided by pure
 * functions of what is in force (`plan.ts`); this is the loop that carries it out.
 */
export class Issuer {
  readonly #options: IssuerOptions;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #looks = new Map<string, Look>();
  readonly #stopped = new AbortController();
  /** Ends what is under way when the lease is lost, or the server stops. */
  #stopping = new AbortController();
  #leads = false;
  #authority: Promise<Authority> | undefined;
  /** Of the last change that was appended here. */
  #version = 0;
  #epoch = "";
  #running: Promise<void> | undefined;

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /** True while this server is the one that gets certificates. */
  get leads(): boolean {
    return this.#leads;
  }

  /** Begins. */
  start(): void {
    this.#running ??= this.#run();
    background(this.#options.log, "certificates", this.#running);
  }

  /** Ends what is under way, and gives the lease up so that another one need not wait. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#stopping.abort();
    await this.#running;
    await Promise.all(this.#underWay.values());
    await this.#closeAuthority();
    if (!this.#leads) return;
    this.#leads = false;
    const { store, holder, log } = this.#options;
    await store.lease(LEASE, holder, 0).catch((error: unknown) => {
      log.debug({ event: "acme-lease-not-given-up", err: error });
    });
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#round();
      } catch (error) {
        if (!(error instanceof StateUnavailableError)) throw error;
        // Who cannot reach the store cannot know that nobody else leads.
        this.#follow("the state store does not answer");
      }
      await pause(clock, ROUND_EVERY_MS, this.#stopped.signal).catch(() => undefined);
    }
  }

  async #round(): Promise<void> {
    const { store, holder, log, domain, config, view, isCurrent, clock, renewBeforeMs } =
      this.#options;
    if (!(await store.lease(LEASE, holder, LEASE_MS))) {
      this.#follow("another control server leads");
      return;
    }
    if (!this.#leads) log.info({ event: "acme-leads" });
    this.#leads = true;
    const now = view();
    if (now.epoch !== this.#epoch) [this.#epoch, this.#version] = [now.epoch, 0];
    // What was decided here already would be decided once more.
    if (!isCurrent() || now.version < this.#version) return;
    const wanted = wantedCertificates(now.sites.values(), { domain, wildcard: config.wildcard });
    for (const change of leftOvers(now, wanted, clock.now())) {
      const isUnderWay = change.kind === "order-remove" && this.#underWay.has(change.order);
      if (!isUnderWay) await this.#put(change);
    }
    for (const certificate of dueCertificates(now, wanted, { now: clock.now(), renewBeforeMs })) {
      if (this.#underWay.size >= ORDERS_AT_ONCE) return;
      if (this.#underWay.has(certificate.name)) continue;
      const work = this.#get(certificate).finally(() => this.#underWay.delete(certificate.name));
      this.#underWay.set(certificate.name, work);
      background(log, "certificate", work);
    }
  }

  #follow(reason: string): void {
    if (!this.#leads) return;
    this.#leads = false;
    this.#options.log.warn({ event: "acme-follows", reason });
    this.#stopping.abort();
    this.#stopping = new AbortController();
    background(this.#options.log, "authority", this.#closeAuthority());
  }

  async #closeAuthority(): Promise<void> {
    const authority = this.#authority;
    this.#authority = undefined;
    await (await authority?.catch(() => undefined))?.close();
  }

  /** Gets one certificate, or notes why that did not work and when it is tried again. */
  async #get(wanted: WantedCertificate): Promise<void> {
    const { log, sealingKey, clock, random, config, onEnd } = this.#options;
    const { signal } = this.#stopping;
    const { name, hosts } = wanted;
    try {
      if (!(await this.#isReady(wanted))) return;
      const certificate = await getCertificate({
        authority: await this.#connect(signal),
        directory: config.directory,
        wanted,
        before: this.#options.view().orders.get(name),
        sealingKey,
        clock,
        random,
        signal,
        put: (change) => this.#put(change),
        applied: (version) => this.#applied(version, signal),
      });
      const expires = new Date(certificate.notAfter).toISOString();
      log.info({ event: "certificate-issued", name, hosts, expires });
      onEnd("issued");
    } catch (error) {
      // Whoever leads now goes on with it.
      if (signal.aborted || error instanceof StateUnavailableError) return;
      onEnd("failed");
      await this.#noteFailure(wanted, error);
    }
  }

  /** False if a host does not lead here: the authority would see that too, and count it. */
  async #isReady(wanted: WantedCertificate): Promise<boolean> {
    const { clock, domain, config } = this.#options;
    const look = this.#looks.get(wanted.name);
    if (look !== undefined && clock.monotonic() < look.again) return false;
    const reason = await whyNotYet(wanted, { domain, resolver: config.resolver });
    if (reason === undefined) {
      this.#looks.delete(wanted.name);
      return true;
    }
    const pauseMs = Math.min(LOOK_EVERY_MS_MAX, (look?.pauseMs ?? LOOK_EVERY_MS / 1.2) * 1.2);
    this.#looks.set(wanted.name, { again: clock.monotonic() + pauseMs, pauseMs, reason });
    const before = this.#options.view().orders.get(wanted.name);
    if (before?.error !== reason) await this.#putOrder(wanted, { failures: 0, reason, nextAt: 0 });
    return false;
  }

  async #noteFailure(wanted: WantedCertificate, error: unknown): Promise<void> {
    const { clock, random, view, log } = this.#options;
    const failures = (view().orders.get(wanted.name)?.failures ?? 0) + 1;
    const known = error instanceof AuthorityError ? error : undefined;
    if (known?.type === "accountDoesNotExist") await this.#closeAuthority();
    const hint = {
      retryAfterMs: known?.retryAfterMs,
      isRateLimit: known?.type === "rateLimited",
    };
    const pauseMs = retryPauseMs(failures, hint, random.below(1_000) / 1_000);
    const nextAt = clock.now() + pauseMs;
    const reason = error instanceof Error ? error.message : String(error);
    const next = new Date(nextAt).toISOString();
    log.warn({ event: "certificate-failed", name: wanted.name, failures, reason, next });
    if (known === undefined) log.error({ event: "certificate-failure", err: error });
    await this.#putOrder(wanted, { failures, reason, nextAt });
  }

  /** Notes why there is no certificate. An order that failed is not gone on with. */
  async #putOrder(
    { name, site, hosts }: WantedCertificate,
    how: { readonly failures: number; readonly reason: string; readonly nextAt: number },
  ): Promise<void> {
    const { failures, reason: error, nextAt } = how;
    const { directory } = this.#options.config;
    const of = site === undefined ? {} : { site };
    const order = { certificate: name, ...of, hosts, directory, failures, error, nextAt };
    await this.#put({ kind: "order-put", order });
  }

  async #put(change: RecordChange): Promise<number> {
    const { version } = await this.#options.store.append(change, BY);
    this.#version = Math.max(this.#version, version);
    return version;
  }

  /** Waits until all nodes that have been heard of lately have applied a version. */
  async #applied(version: number, signal: AbortSignal): Promise<void> {
    const { store, clock, log } = this.#options;
    const deadline = clock.monotonic() + APPLIED_WITHIN_MS;
    for (;;) {
      const behind = [...(await store.acknowledgements())].filter(([, at]) => at < version);
      if (behind.length === 0) return;
      if (clock.monotonic() > deadline) {
        const nodes = behind.map(([node]) => node);
        log.warn({ event: "challenge-not-everywhere", nodes });
        return;
      }
      await pause(clock, ACKNOWLEDGED_EVERY_MS, signal);
    }
  }

  /** The authority, with our account there: the one of the store, or one that is made now. */
  #connect(signal: AbortSignal): Promise<Authority> {
    const connecting = (this.#authority ??= this.#register(signal));
    connecting.catch(() => {
      if (this.#authority === connecting) this.#authority = undefined;
    });
    return connecting;
  }

  async #register(signal: AbortSignal): Promise<Authority> {
    const { config, ca, sealingKey, view, random } = this.#options;
    const { directory, eab, email } = config;
    const kept = view().accounts.get(directory);
    const opened = kept === undefined ? undefined : unseal(sealingKey, directory, kept.key);
    const accountKey = opened?.ok === true ? opened.value : await newKey();
    const authority = new Authority({ directory, ca, accountKey, eab, signal });
    // Finds the account if there is one: it may have been made by a server that died then.
    const url = await authority.register(email);
    if (opened?.ok !== true || kept?.url !== url) {
      const key = seal(sealingKey, directory, { pem: accountKey, random });
      await this.#put({ kind: "account-put", account: { directory, url, key } });
    }
    return authority;
  }
}
