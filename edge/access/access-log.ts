import type { Socket } from "node:net";
import type { Clock } from "../../common/clock.ts";
import type { AccessLogConfig } from "../../common/config/access-log.ts";
import { formatIp, parseIp } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import { LogFile, logFileOf } from "../../common/log-file.ts";
import { anonymousIp } from "../../common/log-text.ts";
import type { Metrics } from "../../common/metrics.ts";
import { systemRandom } from "../../common/random.ts";
import { Sampler } from "../../common/sampler.ts";
import type { ClientExchange } from "../client-exchange.ts";
import { type FieldLines, fieldLinesFromRaw, singleField } from "../http/fields.ts";
import { type AccessRecord, type LineFormat, type LineFrame, lineFormat } from "./line.ts";
import { cacheReason } from "./reason.ts";

/** What an access log needs of its edge. */
export interface AccessLogSources {
  readonly edge: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** What is known of an exchange when all of it has been sent. */
type Sent = Pick<
  AccessRecord,
  "status" | "bodyBytes" | "firstByteSeconds" | "durationSeconds" | "aborted"
>;

/** The protocol of the fast lane. */
const LANE_PROTOCOL = "HTTP/1.1";

/** Writes one line for each request, or for a part of them. */
export class AccessLog {
  readonly #file: LogFile;
  readonly #format: LineFormat;
  readonly #sampler: Sampler;
  /** Which part of the answers is written, by status class. */
  readonly #rates: readonly number[];
  readonly #isAnonymous: boolean;
  readonly #clock: Clock;

  /** Throws a LogFileError if the file cannot be opened. */
  constructor(config: AccessLogConfig, { edge, clock, log, metrics }: AccessLogSources) {
    const lines = metrics.counter("edge_access_log_lines_total");
    this.#clock = clock;
    this.#isAnonymous = config.anonymise;
    this.#format = lineFormat(config, edge);
    this.#rates = ratesOf(config.sample);
    this.#sampler = new Sampler(systemRandom.below(2 ** 32));
    this.#file = new LogFile({
      to: logFileOf(config.to, edge),
      clock,
      log,
      count: (result, amount) => lines.add({ result }, amount),
    });
  }

  /** True if a line should be written for an answer with this status. */
  takes(status: number): boolean {
    return this.#sampler.takes(this.#rates[Math.floor(status / 100)] ?? 1);
  }

  /** Node forgets the address of a connection that has ended, unless somebody has asked before. */
  expect(socket: Socket): void {
    void socket.remoteAddress;
  }

  /** What stands around the lines of a sender in the fast lane, as long as its fields are these. */
  laneFrame(socket: Socket, fields: FieldLines): LineFrame {
    return this.#frame(socket.remoteAddress, fields, LANE_PROTOCOL);
  }

  /** Writes a line for a hit of the fast lane. */
  noteHit(record: AccessRecord, frame: LineFrame): void {
    this.#add(record, frame, LANE_PROTOCOL);
  }

  /** Writes a line for an exchange, if its status is among those that are written. */
  noteSent(exchange: ClientExchange, sent: Sent): void {
    if (!this.takes(sent.status)) return;
    const { request, site, cache, rule, collapsed, method } = exchange;
    const protocol = `HTTP/${request.httpVersion}`;
    const record: AccessRecord = {
      ...sent,
      site,
      cache,
      rule,
      collapsed,
      method,
      reason: cacheReason(exchange),
      upstreamSeconds: exchange.upstreamSeconds,
      target: request.url ?? "",
    };
    const fields = fieldLinesFromRaw(request.rawHeaders);
    const frame = this.#frame(request.socket.remoteAddress, fields, protocol);
    this.#add(record, frame, protocol);
  }

  /** Opens the file anew, for who has moved it away. */
  reopen(): Promise<void> {
    return this.#file.reopen();
  }

  /** Writes what there is. */
  stop(deadlineMs: number): Promise<void> {
    return this.#file.stop(deadlineMs);
  }

  #add(record: AccessRecord, { before, after }: LineFrame, protocol: string): void {
    const middle = this.#format.middle(record, protocol, this.#clock.now());
    this.#file.add(before + middle + after);
  }

  #frame(address: string | undefined, fields: FieldLines, protocol: string): LineFrame {
    return this.#format.frame({
      client: this.#clientText(address),
      host: singleField(fields, "host"),
      protocol,
      referer: singleField(fields, "referer"),
      userAgent: singleField(fields, "user-agent"),
    });
  }

  /** The address of a connection; a hyphen if it is gone before anybody has asked. */
  #clientText(address: string | undefined): string {
    const bytes = parseIp((address ?? "").replace(/%.*$/, ""));
    if (!bytes.ok) return "-";
    return formatIp(this.#isAnonymous ? anonymousIp(bytes.value) : bytes.value);
  }
}

/** Rates by the first digit of a status (P); what is not spoken of is written whole. */
function ratesOf(sample: AccessLogConfig["sample"]): readonly number[] {
  if (typeof sample === "number") return Array.from({ length: 6 }, () => sample);
  const classes = [sample["1xx"], sample["2xx"], sample["3xx"], sample["4xx"], sample["5xx"]];
  return [1, ...classes.map((rate) => rate ?? 1)];
}
