import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { Logger } from "../../common/log.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { runInTurns } from "../../common/steps.ts";
import type { SigningPolicy } from "../sign/online-signer.ts";
import { periodSeconds, type SignedVersion, signedVersion } from "../sign/whole-zone.ts";
import { serialOf, soaNumbers } from "../transfer/serial.ts";
import { formatName, type NameKey } from "../wire/name.ts";
import { withSerial } from "../zone/with-serial.ts";
import type { Zone } from "../zone/zone.ts";
import { zoneOctets } from "../zone/zone-octets.ts";
import { runAside } from "./aside.ts";
import type { StoredKey } from "./key-folder.ts";
import type { SignedOctets, SignOrder } from "./sign-worker.ts";

/** How often it is looked whether a version is due, at most and at least. */
const LOOK_MS_MAX = 60_000;
const LOOK_MS_MIN = 250;

/** What signed copies need, and whom they tell. */
export interface SignedCopiesOptions {
  /** Zones that are signed and may be transferred, and how they are signed. */
  readonly policies: ReadonlyMap<NameKey, SigningPolicy>;
  readonly keysOf: (apex: NameKey) => readonly StoredKey[];
  readonly clock: Clock;
  readonly log: Logger;
  /** A version is due and made: it is to be served in the place of the one before. */
  readonly onVersion: (zone: Zone) => void;
}

interface Copied {
  /** As its file or its primary has it. */
  readonly records: Zone;
  readonly version: SignedVersion;
}

/**
 * Makes the whole signed zones that other servers get, in a thread of its own, and makes them anew
 * when keys or time ask for it. A zone is served with the serial of its copy, and not before the
 * copy is there.
 */
export class SignedCopies {
  readonly #options: SignedCopiesOptions;
  readonly #octets = new WeakMap<Zone, Uint8Array>();
  readonly #copied = new Map<NameKey, Copied>();
  #working: Promise<unknown> = Promise.resolve();
  #cancelLook: () => void = () => undefined;
  #isStopped = false;

  constructor(options: SignedCopiesOptions) {
    this.#options = options;
  }

  /** Begins to look after what is due. */
  start(): void {
    this.#lookLater();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelLook();
  }

  /** All records of a zone as it is served, signed; undefined: it is not signed for transfers. */
  octetsOf(served: Zone): Uint8Array | undefined {
    return this.#octets.get(served);
  }

  /**
   * The zone as it is to be served, its signed copy made; itself where there is nothing to do.
   * Fails with a sentence.
   */
  take(records: Zone): Promise<Result<Zone, string>> {
    const policy = this.#options.policies.get(records.key);
    if (policy === undefined) return Promise.resolve(ok(records));
    return this.#inOrder(() => this.#make(records, policy));
  }

  /** One after the other: each takes a core for itself. */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#working.then(work);
    this.#working = done.catch(() => undefined);
    return done;
  }

  async #make(records: Zone, policy: SigningPolicy): Promise<Result<Zone, string>> {
    const { keysOf, clock } = this.#options;
    const name = formatName(records.origin);
    if (isSteered(records)) {
      return fail(`${name} is signed and has steered names, so it cannot be transferred`);
    }
    if (records.aliases.length > 0) {
      return fail(`${name} is signed and has an ALIAS, so it cannot be transferred`);
    }
    const keys = keysOf(records.key);
    const now = Math.floor(clock.now() / 1000);
    const version = signedVersion(serialOf(records), keys, policy, now);
    const zone = await runInTurns(withSerial(records, version.serial), clock);
    const order: SignOrder = {
      origin: zone.origin,
      octets: await runInTurns(zoneOctets(zone.nodes.values()), clock),
      keys: keys.map(({ flags, tag, times, algorithm, privateKey }) => {
        return { flags, tag, times, algorithm, privateKey };
      }),
      policy,
      madeAt: version.madeAt,
      now,
    };
    const script = new URL("./sign-worker.ts", import.meta.url);
    const done = await runAside<SignedOctets>(script, order, `signing ${name}`);
    const signed = done.ok ? done.value : done;
    if (!signed.ok) return fail(`${name}: ${signed.error}`);
    this.#octets.set(zone, signed.value);
    this.#copied.set(records.key, { records, version });
    this.#warn(zone, policy);
    const { serial } = version;
    this.#options.log.info({ event: "zone-signed", zone: name, serial });
    return ok(zone);
  }

  /** A secondary that hears nothing must forget the zone before its signatures end. */
  #warn(zone: Zone, policy: SigningPolicy): void {
    const [soa] = zone.soa.rdatas;
    const { expireSeconds = 0, refreshSeconds = 0 } = soa === undefined ? {} : soaNumbers(soa);
    const leftSeconds = (policy.signatureLifetime * 7) / 8 - periodSeconds(policy);
    if (expireSeconds + refreshSeconds <= leftSeconds) return;
    const reason =
      `the SOA lets secondaries keep ${formatName(zone.origin)} for ` +
      `${expireSeconds + refreshSeconds} s, and its signatures are good for ${leftSeconds} s`;
    this.#options.log.warn({ event: "expire-after-signatures", reason }, reason);
  }

  #lookLater(): void {
    if (this.#isStopped) return;
    const { clock, log, policies } = this.#options;
    const propagation = Math.min(...[...policies.values()].map((policy) => policy.propagation));
    const wait = Math.max(LOOK_MS_MIN, Math.min(LOOK_MS_MAX, propagation * 250));
    this.#cancelLook = clock.after(wait, () => {
      background(log, "signed copies", this.#look());
      this.#lookLater();
    });
  }

  async #look(): Promise<void> {
    const { policies, keysOf, clock, log, onVersion } = this.#options;
    const now = Math.floor(clock.now() / 1000);
    for (const [key, policy] of policies) {
      const copied = this.#copied.get(key);
      if (copied === undefined) continue;
      const { records, version } = copied;
      const due = signedVersion(serialOf(records), keysOf(key), policy, now);
      if (due.madeAt <= version.madeAt) continue;
      const made = await this.#inOrder(async () => {
        // Meanwhile other records may have come, with signatures of the same moment.
        const isSame = this.#copied.get(key) === copied;
        return isSame ? this.#make(records, policy) : undefined;
      });
      if (made?.ok === false) log.error({ event: "zone-not-signed", reason: made.error });
      if (made?.ok === true && !this.#isStopped) onVersion(made.value);
    }
  }
}

/** What an alias leads to may be steered, today or tomorrow. */
function isSteered({ aliases, nodes }: Zone): boolean {
  return aliases.length > 0 || [...nodes.values()].some(({ steered }) => steered !== undefined);
}
