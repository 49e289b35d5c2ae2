import type { Clock } from "../../common/clock.ts";
import type { PopConfig } from "../../common/config/schema.ts";
import { formatProblem } from "../../common/file-problem.ts";
import { type IpBytes, parseIp } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import type { Metrics } from "../../common/metrics.ts";
import type { Random } from "../../common/random.ts";
import { RouterFilesError } from "../data/files.ts";
import type { Outcome } from "../pipeline.ts";
import { MESSAGE_BYTES_MAX, type SendMessages, type Transport } from "../transport/answer.ts";
import { decodeQuery } from "../wire/message.ts";
import { formatName, type NameKey, nameKey } from "../wire/name.ts";
import { wordAt } from "../wire/octets.ts";
import type { Zone, ZoneTable } from "../zone/zone.ts";
import { CatalogConsumer } from "./catalog-consumer.ts";
import type { Fallback } from "./content.ts";
import { Notifier } from "./notifier.ts";
import { OutgoingZones } from "./outgoing.ts";
import { Secondary, type SecondaryConfig } from "./secondary.ts";
import { serialOf } from "./serial.ts";
import { TransferService } from "./service.ts";
import {
  loadKeys,
  nameOf,
  secondaryConfigs,
  type TransferSettings,
  type ZoneTransfer,
  zoneTransfer,
} from "./settings.ts";
import type { TsigKeys } from "./tsig.ts";
import { Turnstile } from "./turnstile.ts";

/** What transfers of a router need, and whom they tell. */
export interface TransfersOptions {
  readonly settings: TransferSettings;
  /** Name of the CDN's own zone. */
  readonly cdnDomain: string;
  readonly fallback: Fallback;
  readonly steeredTtlSeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Answers a plain question. */
  readonly answer: (packet: Uint8Array, from: Sender, out: Uint8Array) => Outcome;
  /** True if an answer over UDP that is no plain one may be sent to that address. */
  readonly mayAnswer: (peer: IpBytes, extraBytes: number) => boolean;
  /** Something has been answered, for counters. */
  readonly onAnswer: (transport: Transport, outcome: Outcome) => void;
  /** Why a zone of a primary cannot be served, as a sentence; undefined: it can. */
  readonly refusal: (zone: Zone) => string | undefined;
  /** All records of a zone with their signatures; undefined: it is not signed. */
  readonly signedOf: (zone: Zone) => Uint8Array | undefined;
  /** A catalog has a zone from now on, which is to be served; or not any more. */
  readonly onMember: (zone: NameKey, isMember: boolean) => void;
  /** A zone of a primary has another version, or none any more. */
  readonly onFetched: (zone: NameKey, version: Zone | undefined) => void;
}

/** Who sent a packet, and how. */
export interface Sender {
  readonly peer: IpBytes;
  readonly transport: Transport;
}

/** At most so many addresses of each family stand for a name that is steered. */
const FALLBACK_MAX = 16;

/** Zones that are asked for at the same time. */
const FETCHES_MAX = 16;

/** Octets of an answer over UDP. */
const UDP_BYTES_MAX = 1232;

/**
 * The addresses of all edges of a configuration, for those who cannot steer (P): the first
 * FALLBACK_MAX of each family, whatever the site.
 */
export function configuredAddresses(pops: readonly PopConfig[]): Fallback {
  const all = pops
    .flatMap(({ edges }) => edges)
    .flatMap(({ address, address2 }) => [address, ...(address2 === undefined ? [] : [address2])])
    .map((text) => parseIp(text))
    .flatMap((bytes) => (bytes.ok ? [bytes.value] : []));
  const ofLength = (length: number) =>
    all.filter((bytes) => bytes.length === length).slice(0, FALLBACK_MAX);
  const [v4, v6] = [ofLength(4), ofLength(16)];
  return (_site, family) => (family === 4 ? v4 : v6);
}

/** Everything that goes between this server and others: zones out, zones in, notices. */
export class Transfers {
  readonly #options: TransfersOptions;
  readonly #keys: TsigKeys;
  readonly #outgoing: OutgoingZones;
  readonly #notifier: Notifier;
  readonly #service: TransferService;
  readonly #secondaries: ReadonlyMap<NameKey, Secondary>;
  readonly #consumer: CatalogConsumer;
  readonly #turnstile = new Turnstile(FETCHES_MAX);
  readonly #policies = new Map<NameKey, ZoneTransfer>();
  #table: ZoneTable | undefined;

  /** Throws a RouterFilesError if a key cannot be used. */
  constructor(options: TransfersOptions) {
    this.#options = options;
    const { settings, metrics } = options;
    const keys = loadKeys(settings.tsig);
    if (!keys.ok) throw new RouterFilesError(keys.error.map(formatProblem));
    this.#keys = keys.value;
    this.#secondaries = this.#makeSecondaries();
    this.#consumer = this.#makeConsumer();
    this.#outgoing = new OutgoingZones({
      ...options,
      onNewer: (source) => this.#notifier.tell(source.zone.key, source),
    });
    const noticed = metrics.counter("dns_notifies_total");
    this.#notifier = new Notifier({
      ...options,
      targets: (zone) => this.#policies.get(zone)?.notify ?? [],
      onResult: (result) => noticed.add({ result }, 1),
    });
    const sent = metrics.counter("dns_transfers_out_total");
    this.#service = new TransferService({
      keys: this.#keys,
      outgoing: this.#outgoing,
      notices: { notified: (zone, peer) => this.#notified(zone, peer) },
      onTransfer: (result) => sent.add({ result }, 1),
    });
    metrics.onScrape("dns_zone_serial", () =>
      [...(this.#table?.byApex.values() ?? [])].map(
        (zone) => [{ zone: formatName(zone.origin) }, serialOf(zone)] as const,
      ),
    );
  }

  /** Begins to ask primaries. */
  start(): void {
    for (const secondary of this.#secondaries.values()) secondary.start();
    this.#consumer.start();
  }

  stop(): void {
    for (const secondary of this.#secondaries.values()) secondary.stop();
    this.#consumer.stop();
    this.#notifier.stop();
  }

  /**
   * Takes the zones that are served from now on. `files` are those of zone files, in the order of
   * the configuration.
   */
  take(table: ZoneTable, files: readonly Zone[]): void {
    this.#table = table;
    this.#readPolicies(files);
    const policies = new Map([...this.#policies].map(([key, { policy }]) => [key, policy]));
    this.#outgoing.take(table, policies);
  }

  /** Answers what `isForTransfers` picked, as an `AnswerPacket` does. */
  answerPacket(
    packet: Uint8Array,
    from: Sender,
    out: Uint8Array,
    send: SendMessages | undefined,
  ): number {
    const { peer, transport } = from;
    const now = Math.floor(this.#options.clock.now() / 1000);
    const isStream = send !== undefined;
    // A plain answer has been through rate limiting already.
    let isLimited = false;
    const answer = (reservedBytes: number) => {
      isLimited = true;
      return this.#plain(packet, from, reservedBytes);
    };
    const messages = this.#service.answer({ packet, peer, isStream, now, answer });
    if (send !== undefined) {
      this.#options.onAnswer(transport, outcomeOf(packet, packet));
      send(messages);
      return 0;
    }
    for (const message of messages) {
      if (message.length > out.length) return 0;
      const extraBytes = message.length - packet.length;
      if (!isLimited && transport === "udp" && !this.#options.mayAnswer(peer, extraBytes)) return 0;
      this.#options.onAnswer(transport, outcomeOf(packet, message));
      out.set(message);
      return message.length;
    }
    return 0;
  }

  #plain(packet: Uint8Array, from: Sender, reservedBytes: number): Uint8Array | undefined {
    const bytesMax = from.transport === "udp" ? UDP_BYTES_MAX : MESSAGE_BYTES_MAX;
    const out = new Uint8Array(bytesMax - reservedBytes);
    const { length } = this.#options.answer(packet, from, out);
    return length === 0 ? undefined : out.subarray(0, length);
  }

  #makeSecondaries(): ReadonlyMap<NameKey, Secondary> {
    const { settings, onFetched } = this.#options;
    return new Map(
      secondaryConfigs(settings.zones, this.#keys).map((config) => {
        const key = nameKey(config.origin);
        return [key, this.#makeSecondary(config, (zone) => onFetched(key, zone))];
      }),
    );
  }

  #makeSecondary(config: SecondaryConfig, onZone: (zone: Zone | undefined) => void): Secondary {
    const { clock, random, log, metrics, refusal } = this.#options;
    const fetched = metrics.counter("dns_transfers_in_total");
    const onFetch = (result: string) => fetched.add({ result }, 1);
    const turnstile = this.#turnstile;
    return new Secondary(config, { turnstile, clock, random, log, refusal, onZone, onFetch });
  }

  #makeConsumer(): CatalogConsumer {
    const { settings, log, metrics, onMember, onFetched } = this.#options;
    const consumer: CatalogConsumer = new CatalogConsumer({
      catalogs: settings.catalogs ?? [],
      keys: this.#keys,
      log,
      makeSecondary: (config, onZone) => this.#makeSecondary(config, onZone),
      isTaken: (zone) =>
        consumer.memberOf(zone) === undefined &&
        (this.#table?.byApex.has(zone) === true || this.#secondaries.has(zone)),
      onMember,
      onFetched,
    });
    metrics.onScrape("dns_catalog_members", () =>
      consumer.counts().map(([catalog, count]) => [{ catalog }, count] as const),
    );
    return consumer;
  }

  #readPolicies(files: readonly Zone[]): void {
    const { settings, cdnDomain } = this.#options;
    this.#policies.clear();
    for (const [zone, transfer] of this.#consumer.transfers()) this.#policies.set(zone, transfer);
    for (const { name, transfer } of settings.catalogs ?? []) {
      if (transfer === undefined) continue;
      this.#policies.set(nameKey(nameOf(name)), zoneTransfer(transfer, this.#keys));
    }
    if (settings.cdn !== undefined) {
      this.#policies.set(nameKey(nameOf(cdnDomain)), zoneTransfer(settings.cdn, this.#keys));
    }
    const ownFiles = settings.zones.filter(({ primaries }) => primaries === undefined);
    for (const [index, { transfer }] of ownFiles.entries()) {
      const key = files[index]?.key;
      if (key !== undefined && transfer !== undefined) {
        this.#policies.set(key, zoneTransfer(transfer, this.#keys));
      }
    }
    for (const { name, primaries, transfer } of settings.zones) {
      if (name === undefined || primaries === undefined || transfer === undefined) continue;
      this.#policies.set(nameKey(nameOf(name)), zoneTransfer(transfer, this.#keys));
    }
  }

  #notified(zone: NameKey, peer: IpBytes): boolean {
    const secondary = this.#secondaries.get(zone) ?? this.#consumer.secondaryOf(zone);
    const isPrimary = secondary?.config.primaries.some(
      ({ bytes }) => Buffer.compare(bytes, peer) === 0,
    );
    if (isPrimary === true) secondary?.notify();
    return isPrimary === true;
  }
}

/** What counters are to know of an answer that is a message already. */
function outcomeOf(packet: Uint8Array, message: Uint8Array): Outcome {
  return {
    length: message.length,
    rcode: wordAt(message, 2) & 0xf,
    qtype: decodeQuery(packet)?.qtype ?? 0,
    truncated: false,
  };
}
