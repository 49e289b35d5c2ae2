import type { Clock } from "../../common/clock.ts";
import {
  QUERY_FIELDS,
  type QueryField,
  type QueryLogConfig,
} from "../../common/config/access-log.ts";
import { formatIp, type IpBytes } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import { LogFile, logFileOf } from "../../common/log-file.ts";
import {
  anonymousBits,
  anonymousIp,
  isoTime,
  jsonSeconds,
  jsonText,
} from "../../common/log-text.ts";
import type { Metrics } from "../../common/metrics.ts";
import type { Random } from "../../common/random.ts";
import { Sampler } from "../../common/sampler.ts";
import type { Outcome } from "../pipeline.ts";
import type { Transport } from "../transport/answer.ts";
import { rcodeName, typeName } from "../wire/codes.ts";
import { subnetPrefix } from "../wire/edns.ts";
import { decodeQuery, type Query } from "../wire/message.ts";
import { formatName } from "../wire/name.ts";

/** What a query log needs of its router. */
export interface QueryLogSources {
  readonly router: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A query that has been answered, or dropped. */
export interface AnsweredQuery {
  readonly packet: Uint8Array;
  readonly peer: IpBytes;
  readonly transport: Transport;
  readonly outcome: Outcome;
  readonly seconds: number;
}

/** The same with what its packet says; undefined if that cannot be read. */
type Logged = AnsweredQuery & { readonly query: Query | undefined; readonly router: string };

/** Makes of an address what may be known of it. */
type Hide = (bytes: IpBytes) => IpBytes;

type Piece = (logged: Logged, hide: Hide) => string;

/** Each field with the comma before it; nothing where there is nothing to say. */
const PIECES: Readonly<Record<QueryField, Piece>> = {
  router: ({ router }) => `,"router":${jsonText(router)}`,
  client: ({ peer }, hide) => `,"client":"${formatIp(hide(peer))}"`,
  subnet: ({ packet, query }, hide) => subnetText(packet, query, hide),
  transport: ({ transport }) => `,"transport":"${transport}"`,
  name: ({ query }) => nameText(query),
  type: ({ outcome }) => (outcome.qtype === 0 ? "" : `,"type":"${typeName(outcome.qtype)}"`),
  rcode: ({ outcome }) =>
    `,"rcode":"${outcome.length === 0 ? "dropped" : rcodeName(outcome.rcode)}"`,
  bytes: ({ outcome }) => `,"bytes":${outcome.length}`,
  truncated: ({ outcome }) => (outcome.truncated ? ',"truncated":true' : ""),
  site: ({ outcome }) =>
    outcome.steered === undefined ? "" : `,"site":${jsonText(outcome.steered.site)}`,
  pop: ({ outcome }) => {
    const pop = outcome.steered?.answer.pop;
    return pop === undefined ? "" : `,"pop":${jsonText(pop)}`;
  },
  reason: ({ outcome }) =>
    outcome.steered === undefined ? "" : `,"reason":"${outcome.steered.answer.reason}"`,
  duration: ({ seconds }) => `,"duration":${jsonSeconds(seconds)}`,
};

function subnetText(packet: Uint8Array, query: Query | undefined, hide: Hide): string {
  const subnet = query?.edns?.clientSubnet;
  if (subnet === undefined || subnet.family === 0) return "";
  const { bytes, prefixLength } = subnetPrefix(packet, subnet);
  const shown = hide(bytes);
  const length = shown === bytes ? prefixLength : Math.min(prefixLength, anonymousBits(bytes));
  return `,"subnet":"${formatIp(shown)}/${length}"`;
}

/** RFC 1035 section 5.1: the name in lower case, special octets escaped. */
function nameText(query: Query | undefined): string {
  if (query === undefined || query.qname === "") return "";
  return `,"name":${jsonText(formatName(Buffer.from(query.qname, "latin1")))}`;
}

/** Makes one line for each query, or for a part of them. */
export class QueryLines {
  readonly #sampler: Sampler;
  readonly #rate: number;
  readonly #pieces: readonly Piece[];
  readonly #hide: Hide;
  readonly #clock: Clock;
  readonly #router: string;
  readonly #add: (line: string) => void;
  readonly #time = isoTime();

  /** `add` gets each line, with a line feed at its end. */
  constructor(
    config: QueryLogConfig,
    { router, clock, random }: Pick<QueryLogSources, "router" | "clock" | "random">,
    add: (line: string) => void,
  ) {
    const chosen = new Set<QueryField>(config.fields ?? QUERY_FIELDS);
    this.#router = router;
    this.#clock = clock;
    this.#rate = config.sample;
    this.#sampler = new Sampler(random.below(2 ** 32));
    this.#hide = config.anonymise ? anonymousIp : (bytes) => bytes;
    this.#pieces = QUERY_FIELDS.flatMap((field) => (chosen.has(field) ? PIECES[field] : []));
    this.#add = add;
  }

  /** True if the next query should be written. */
  takes(): boolean {
    return this.#sampler.takes(this.#rate);
  }

  /** Makes a line for a query. */
  note(answered: AnsweredQuery): void {
    const query = decodeQuery(answered.packet);
    const logged = { ...answered, query, router: this.#router };
    let line = `{"time":"${this.#time.of(this.#clock.now())}"`;
    for (const piece of this.#pieces) line += piece(logged, this.#hide);
    this.#add(`${line}}\n`);
  }
}

/** The lines of queries, and the file that they are written to. */
export class QueryLog {
  readonly lines: QueryLines;
  readonly #file: LogFile;

  /** Throws a LogFileError if the file cannot be opened. */
  constructor(config: QueryLogConfig, sources: QueryLogSources) {
    const { router, clock, log, metrics } = sources;
    const counter = metrics.counter("dns_query_log_lines_total");
    this.#file = new LogFile({
      to: logFileOf(config.to, router),
      clock,
      log,
      count: (result, amount) => counter.add({ result }, amount),
    });
    this.lines = new QueryLines(config, sources, (line) => this.#file.add(line));
  }

  /** Adds lines that another thread has made. */
  add(text: string, lines: number): void {
    this.#file.add(text, lines);
  }

  /** Opens the file anew, for who has moved it away. */
  reopen(): Promise<void> {
    return this.#file.reopen();
  }

  /** Writes what there is. */
  stop(deadlineMs: number): Promise<void> {
    return this.#file.stop(deadlineMs);
  }
}
