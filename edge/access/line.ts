import {
  ACCESS_FIELDS,
  type AccessField,
  type AccessLogConfig,
} from "../../common/config/access-log.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import { combinedText, isoTime, jsonSeconds, jsonText, TimeText } from "../../common/log-text.ts";
import type { CacheLabel } from "../admin/request-metrics.ts";

/** What a log says of a request that an edge has answered. Times are in seconds. */
export interface AccessRecord {
  readonly site: Site | undefined;
  readonly cache: CacheLabel;
  /** Why the cache took part as it did. */
  readonly reason: string;
  readonly rule: SiteRule | undefined;
  readonly status: number;
  readonly bodyBytes: number;
  readonly firstByteSeconds: number;
  readonly durationSeconds: number;
  /** How long it waited for the origin, or for others who did; undefined: not at all. */
  readonly upstreamSeconds: number | undefined;
  readonly collapsed: boolean;
  readonly aborted: boolean;
  readonly method: string;
  /** Path and query, as the client sent them. */
  readonly target: string;
}

/** What the requests of one connection mostly have in common. */
export interface Sender {
  /** Its address, without what is not to be known. */
  readonly client: string;
  readonly host: string | undefined;
  /** Such as `HTTP/1.1`. */
  readonly protocol: string;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
}

/** What stands before and behind what differs from request to request. */
export interface LineFrame {
  readonly before: string;
  readonly after: string;
}

/** Makes lines of a log. A frame may be kept as long as its sender is the same. */
export interface LineFormat {
  frame(sender: Sender): LineFrame;
  /** What stands between; `now` is when the request was answered. */
  middle(record: AccessRecord, protocol: string, now: number): string;
}

/** The format that a configuration asks for (P, but for texts that are kept). */
export function lineFormat({ format, fields }: AccessLogConfig, edge: string): LineFormat {
  return format === "combined" ? combinedFormat() : jsonFormat(fields ?? ACCESS_FIELDS, edge);
}

type Piece = (record: AccessRecord) => string;

/** Fields that differ from request to request, each with the comma before it. */
function pieces(edge: string): Partial<Record<AccessField, Piece>> {
  const own = `,"edge":${jsonText(edge)}`;
  return {
    edge: () => own,
    site: ({ site }) => (site === undefined ? "" : `,"site":"${site.name}"`),
    cache: ({ cache }) => `,"cache":"${cache}"`,
    reason: ({ reason }) => `,"reason":"${reason}"`,
    rule: ({ rule, site }) => (rule === undefined ? "" : ruleText(rule, site)),
    status: ({ status }) => `,"status":${status}`,
    bytes: ({ bodyBytes }) => `,"bytes":${bodyBytes}`,
    first_byte: (record) => `,"first_byte":${jsonSeconds(record.firstByteSeconds)}`,
    duration: (record) => `,"duration":${jsonSeconds(record.durationSeconds)}`,
    upstream: ({ upstreamSeconds: seconds }) =>
      seconds === undefined ? "" : `,"upstream":${jsonSeconds(seconds)}`,
    collapsed: ({ collapsed }) => (collapsed ? ',"collapsed":true' : ""),
    aborted: ({ aborted }) => (aborted ? ',"aborted":true' : ""),
    method: ({ method }) =>
      method === "GET" ? ',"method":"GET"' : `,"method":${jsonText(method)}`,
    target: ({ target }) => `,"target":${jsonText(target)}`,
  };
}

const ruleTexts = new WeakMap<SiteRule, string>();

/** A rule by its place in the site, counted from 1, as people count. */
function ruleText(rule: SiteRule, site: Site | undefined): string {
  let text = ruleTexts.get(rule);
  if (text === undefined) {
    text = `,"rule":${(site?.rules.indexOf(rule) ?? -1) + 1}`;
    ruleTexts.set(rule, text);
  }
  return text;
}

function jsonFormat(fields: readonly AccessField[], edge: string): LineFormat {
  const time = isoTime();
  const made = pieces(edge);
  const isChosen = new Set(fields);
  const changing = ACCESS_FIELDS.flatMap((field) =>
    isChosen.has(field) ? (made[field] ?? []) : [],
  );
  return {
    frame: (sender) => ({ before: '{"time":"', after: `${senderText(sender, isChosen)}}\n` }),
    middle(record, _, now) {
      let text = `${time.of(now)}"`;
      for (const piece of changing) text += piece(record);
      return text;
    },
  };
}

/** What is the same for the next requests of a connection. */
function senderText(sender: Sender, isChosen: ReadonlySet<AccessField>): string {
  const { client, host, protocol, referer, userAgent } = sender;
  const known: readonly (readonly [AccessField, string | undefined])[] = [
    ["client", client],
    ["host", host],
    ["protocol", protocol],
    ["referer", referer],
    ["user_agent", userAgent],
  ];
  const texts = known.map(([field, text]) =>
    text === undefined || !isChosen.has(field) ? "" : `,"${field}":${jsonText(text)}`,
  );
  return texts.join("");
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `10/Oct/2026:13:55:36 +0000`, in UTC: log lines of many places stand side by side. */
function combinedTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two);
  return `[${day}:${time.join(":")} +0000]`;
}

function combinedFormat(): LineFormat {
  const time = new TimeText(1_000, combinedTime);
  return {
    frame: ({ client, referer, userAgent }) => ({
      before: `${client} - - `,
      after: ` "${combinedText(referer)}" "${combinedText(userAgent)}"\n`,
    }),
    middle({ method, target, status, bodyBytes }, protocol, now) {
      const verb = method === "GET" ? method : combinedText(method);
      const shown = combinedText(target);
      return `${time.of(now)} "${verb} ${shown} ${protocol}" ${status} ${bodyBytes}`;
    },
  };
}
