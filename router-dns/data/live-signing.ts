import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import { type FileProblem, formatProblem } from "../../common/file-problem.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import { fail, ok, type Result } from "../../common/result.ts";
import { nextTurn } from "../../common/steps.ts";
import { zoneKeyOf } from "../sign/dnskey.ts";
import { sha256 } from "../sign/key-pair.ts";
import { OnlineSigner, type SigningKey, type SigningPolicy } from "../sign/online-signer.ts";
import { type KeySet, keysAt } from "../sign/rollover.ts";
import { type AheadSubjects, aheadTargets, type SignedZone } from "../sign/sign-ahead.ts";
import { AHEAD_MAX, type CachedSignatures, SignatureCache } from "../sign/signature-cache.ts";
import type { Signing } from "../signing.ts";
import type { NameKey } from "../wire/name.ts";
import { type KeysByZone, readKeyFolder, type StoredKey } from "./key-folder.ts";
import { rollFolder } from "./key-rollover.ts";

/** A zone that is signed, and how. */
export interface SignedZoneOptions {
  /** Without the final dot. */
  readonly name: string;
  readonly policy: SigningPolicy;
}

/** What a router is told about DNSSEC. */
export interface DnssecOptions {
  /** The folder of the keys. All routers of a deployment must have the same ones. */
  readonly folder: string;
  readonly zones: readonly SignedZoneOptions[];
  /** True: successors of keys are made and written to the folder when they are due. */
  readonly rollsOver: boolean;
}

/** What a LiveSigning needs. */
export interface LiveSigningOptions extends DnssecOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** What the signatures of the moment are for. */
  readonly subjects: () => AheadSubjects;
  /** Called when other keys are in use. */
  readonly onChange: (signing: Signing) => void;
}

/** What signing has done since the start. */
export interface SigningFigures {
  /** Signatures that were made before they were asked for, and because of a query. */
  readonly signatures: { readonly ahead: number; readonly query: number };
  readonly hits: number;
  readonly cached: { readonly ahead: number; readonly made: number };
  /** How long the last round of signing ahead took, with everything in between. */
  readonly aheadSeconds: number;
  /** False while the key folder cannot be read and what was read before is in use. */
  readonly areKeysGood: boolean;
}

/** How often the folder is read again, at most and at least. */
const REREAD_MS_MAX = 60_000;
const REREAD_MS_MIN = 250;

/** How often signatures that end soon are made anew, at most. */
const RESIGN_MS_MAX = 3_600_000;

/** How long signing ahead may keep the event loop from answering. */
const SLICE_MS = 1;

/** What is done between two looks at the clock, and what making a signature is of that. */
const COST_PER_LOOK = 80;
const SIGNATURE_COST = 10;

/**
 * The signers of all signed zones, kept up to date: the key folder is read again every minute and
 * when a key changes its state, other signers are prepared with all that may soon be asked for, and
 * then swapped in. A folder that cannot be read leaves the keys that are in use.
 */
export class LiveSigning {
  readonly #options: LiveSigningOptions;
  readonly #zones: ReadonlyMap<NameKey, SignedZoneOptions>;
  readonly #cache = new SignatureCache();
  readonly #prefixes = new Map<string, string>();
  readonly #signatures = { ahead: 0, query: 0 };
  #keys: KeysByZone = new Map();
  #signers: ReadonlyMap<NameKey, OnlineSigner> = new Map();
  #next: ReadonlyMap<NameKey, OnlineSigner> | undefined;
  #problems = "";
  #aheadSeconds = 0;
  #working: Promise<void> | undefined;
  #isDirty = false;
  #cancelLook: () => void = () => undefined;
  #cancelResign: () => void = () => undefined;
  #isStopped = false;

  /** Throws nothing; `load` must have succeeded before anything else is called. */
  constructor(options: LiveSigningOptions) {
    this.#options = options;
    this.#zones = new Map(options.zones.map((zone) => [zoneKeyOf(zone.name), zone]));
  }

  /** Reads the keys for the first time: every zone must have its own. */
  load(): Result<Signing, readonly FileProblem[]> {
    const keys = this.#readKeys();
    if (!keys.ok) return keys;
    this.#keys = keys.value;
    this.#signers = this.#makeSigners(this.#nowSeconds());
    return ok(this.#signing());
  }

  /** Begins to look after the keys. */
  start(): void {
    this.#lookLater();
    this.#resignLater();
    this.signAhead();
  }

  /** Ends all timers; a round of signing that is under way ends with its slice. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelLook();
    this.#cancelResign();
  }

  /**
   * Signs in the background what may be asked for now. Called again meanwhile, it goes on with what
   * is new then: changes that come faster than signatures are made keep nobody waiting.
   */
  signAhead(): void {
    this.#isDirty = true;
    if (this.#working !== undefined || this.#isStopped) return;
    const { log } = this.#options;
    this.#working = this.#work().finally(() => {
      this.#working = undefined;
    });
    background(log, "sign ahead", this.#working);
  }

  /** Reads the folder now, and again later; resolves when what it says is in use. */
  async look(): Promise<void> {
    this.#cancelLook();
    const keys = this.#readKeys();
    this.#note(keys);
    if (keys.ok) this.#keys = keys.value;
    const signers = this.#makeSigners(this.#nowSeconds());
    if (!sameKeys(signers, this.#next ?? this.#signers)) {
      this.#next = signers;
      this.signAhead();
    }
    this.#lookLater();
    await this.#working;
  }

  /** The signers in use. */
  signers(): ReadonlyMap<NameKey, OnlineSigner> {
    return this.#signers;
  }

  /** The keys of a zone as its files have them. */
  storedKeys(apex: NameKey): readonly StoredKey[] {
    return this.#keys.get(apex) ?? [];
  }

  figures(): SigningFigures {
    return {
      signatures: { ...this.#signatures },
      hits: this.#cache.hits,
      cached: this.#cache.counts,
      aheadSeconds: this.#aheadSeconds,
      areKeysGood: this.#problems === "",
    };
  }

  /** What the keys of each zone do now, by its name without the final dot. */
  keySets(): ReadonlyMap<string, KeySet<SigningKey>> {
    const now = this.#nowSeconds();
    return new Map(
      [...this.#zones].flatMap(([apex, { name, policy }]) => {
        const keys = this.#keys.get(apex);
        return keys === undefined ? [] : [[name, keysAt(keys, policy, now)] as const];
      }),
    );
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }

  #signing(): Signing {
    const signers = this.#signers;
    return { signerOf: (apex) => signers.get(apex) };
  }

  #readKeys(): Result<KeysByZone, readonly FileProblem[]> {
    const { folder, clock, log, rollsOver } = this.#options;
    const read = () => readKeyFolder(folder, new Set(this.#zones.keys()));
    let keys = read();
    if (keys.ok && rollsOver) {
      const done = rollFolder(folder, this.#zones, keys.value, clock.now(), log);
      if (done) keys = read();
    }
    if (!keys.ok) return keys;
    const missing = [...this.#zones].flatMap(([apex, { name }]): FileProblem[] => {
      if (keys.value.has(apex)) return [];
      const message = `no keys of ${name}: make them with \`meridian zone keys generate\``;
      return [{ file: folder, line: 1, column: 1, message }];
    });
    return missing.length > 0 ? fail(missing) : keys;
  }

  /** Says once what is wrong, and once that it is right again. */
  #note(keys: Result<KeysByZone, readonly FileProblem[]>): void {
    const { log } = this.#options;
    const problems = keys.ok ? [] : keys.error.map(formatProblem);
    const text = problems.join("\n");
    if (text === this.#problems) return;
    this.#problems = text;
    for (const reason of problems) log.error({ event: "keys-kept", reason });
    if (text === "") log.info({ event: "keys-good" });
  }

  #makeSigners(now: number): ReadonlyMap<NameKey, OnlineSigner> {
    const { random } = this.#options;
    const signers = new Map<NameKey, OnlineSigner>();
    for (const [apex, { policy }] of this.#zones) {
      const stored = this.#keys.get(apex);
      if (stored === undefined) continue;
      const keys = keysAt<SigningKey>(stored, policy, now);
      const signer = new OnlineSigner({
        apex,
        keys,
        policy,
        cache: this.#cache,
        cachePrefix: this.#prefixOf(apex, keys.zoneSigner.tag),
        nowSeconds: () => this.#nowSeconds(),
        jitter: () => random.below(1001) / 1000,
        sha256,
        onQuerySignature: () => {
          this.#signatures.query += 1;
        },
      });
      signers.set(apex, signer);
    }
    return signers;
  }

  /** True for keys in the cache that signers in use, or in use soon, can ask for. */
  #isAlive(signers: ReadonlyMap<NameKey, OnlineSigner>): (key: string) => boolean {
    const prefixes = new Set(
      [...signers].map(([apex, { keys }]) => this.#prefixOf(apex, keys.zoneSigner.tag)),
    );
    return (key) => prefixes.has(key.slice(0, key.indexOf(" ") + 1));
  }

  #prefixOf(apex: NameKey, tag: number): string {
    const identity = `${apex} ${tag}`;
    const known = this.#prefixes.get(identity);
    if (known !== undefined) return known;
    const prefix = `${this.#prefixes.size.toString(36)} `;
    this.#prefixes.set(identity, prefix);
    return prefix;
  }

  async #work(): Promise<void> {
    while (this.#isDirty && !this.#isStopped) {
      this.#isDirty = false;
      const next = this.#next;
      const ahead = await this.#signRound(next ?? this.#signers);
      if (this.#isStopped) return;
      const { onChange } = this.#options;
      this.#cache.replaceAhead(ahead, this.#isAlive(next ?? this.#signers));
      if (next === undefined) continue;
      this.#signers = next;
      if (this.#next === next) this.#next = undefined;
      onChange(this.#signing());
    }
  }

  /** Makes what is missing or due, in slices between which queries are answered. */
  async #signRound(
    signers: ReadonlyMap<NameKey, OnlineSigner>,
  ): Promise<ReadonlyMap<string, CachedSignatures>> {
    const { clock, subjects } = this.#options;
    const present = subjects();
    const signed = [...signers].flatMap(([apex, signer]): SignedZone[] => {
      const zone = present.zones.byApex.get(apex);
      return zone === undefined ? [] : [{ zone, signer }];
    });
    const started = clock.monotonic();
    const now = this.#nowSeconds();
    const ahead = new Map<string, CachedSignatures>();
    let sliceStarted = started;
    let sinceLook = 0;
    for (const { cacheKey, make } of aheadTargets(signed, present)) {
      if (ahead.size >= AHEAD_MAX || this.#isStopped) break;
      const known = this.#cache.peek(cacheKey);
      const isGood = known !== undefined && now < known.dueAt;
      const signatures = isGood ? known : make(now);
      ahead.set(cacheKey, signatures);
      if (!isGood) this.#signatures.ahead += signatures.rrsigs.length;
      sinceLook += isGood ? 1 : SIGNATURE_COST;
      if (sinceLook < COST_PER_LOOK) continue;
      sinceLook = 0;
      if (clock.monotonic() - sliceStarted < SLICE_MS) continue;
      await nextTurn();
      sliceStarted = clock.monotonic();
    }
    this.#aheadSeconds = (clock.monotonic() - started) / 1000;
    return ahead;
  }

  #lookLater(): void {
    if (this.#isStopped) return;
    const { clock, log } = this.#options;
    const now = this.#nowSeconds();
    const changes = [...this.keySets().values()].flatMap(({ changesAt }) => changesAt ?? []);
    const propagation = Math.min(...[...this.#zones.values()].map((z) => z.policy.propagation));
    const untilChange = (Math.min(...changes) - now) * 1000;
    const wanted = Math.min(REREAD_MS_MAX, propagation * 250, untilChange);
    this.#cancelLook = clock.after(Math.max(REREAD_MS_MIN, wanted), () => {
      background(log, "look at the keys", this.look());
    });
  }

  #resignLater(): void {
    const { clock } = this.#options;
    const lifetimes = [...this.#zones.values()].map(({ policy }) => policy.signatureLifetime);
    const wait = Math.min(RESIGN_MS_MAX, (Math.min(...lifetimes) * 1000) / 16);
    this.#cancelResign = clock.after(wait, () => {
      this.signAhead();
      this.#resignLater();
    });
  }
}

function sameKeys(
  left: ReadonlyMap<NameKey, OnlineSigner>,
  right: ReadonlyMap<NameKey, OnlineSigner>,
): boolean {
  return (
    left.size === right.size &&
    [...left].every(([apex, signer]) => {
      const other = right.get(apex);
      return other !== undefined && identity(signer) === identity(other);
    })
  );
}

function identity({ keys }: OnlineSigner): string {
  const tags = (members: readonly SigningKey[]) => members.map(({ tag }) => tag).join();
  const { published, keySigners, zoneSigner, parentKey } = keys;
  return [tags(published), tags(keySigners), zoneSigner.tag, parentKey?.tag].join(" ");
}
