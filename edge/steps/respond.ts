import { NO_SITE } from "../admin/request-metrics.ts";
import type { Answer, ClientExchange } from "../client-exchange.ts";
import { arrivingFields, type Representation } from "../coding/encoded-forms.ts";
import { selectStored } from "../coding/select-stored.ts";
import type { EdgeContext } from "../context.ts";
import { type Selection, selectRepresentation } from "../decide/precondition.ts";
import type { ContentRange } from "../http/content-range.ts";
import { type FieldLines, hasField, singleField } from "../http/fields.ts";
import { takesTrailers } from "../http/trailers.ts";
import { withCors } from "../protect/cors.ts";
import { type AnswerHead, answerHead } from "../serve/answer-head.ts";
import type { CacheStatus, ForwardReason } from "../serve/cache-status.ts";
import { type ClientEdits, clientEdits } from "../serve/client-edits.ts";
import { errorResponse } from "../serve/error-response.ts";
import { hitHead } from "../serve/hit-head.ts";
import { type BodyPiece, isLiteral } from "../serve/multipart.ts";
import { clientResponseFields } from "../serve/response-fields.ts";
import { selectedBody } from "../serve/selected-body.ts";
import { FillReader, sendStored } from "../serve/send-chunks.ts";
import type { Resume, StepResult } from "./step.ts";

/** Sends what the client gets, once it has a form that is worth a short wait. */
export function respond(exchange: ClientExchange, edge: EdgeContext, resume: Resume): StepResult {
  const { answer } = exchange;
  if (answer === undefined) {
    exchange.refusal = "internal";
    return "refuse";
  }
  if (answer.kind === "fill") return respondFromFill(exchange, edge, answer);
  if (answer.kind === "sliced" || answer.object.response.sliceBytes !== undefined) return "sliced";
  const sent = edge.forms.represent(answer.object, exchange, waitOnce(exchange, resume));
  if (sent === "parked") return "parked";
  respondFromStore(exchange, edge, answer, sent);
  return "done";
}

/** Goes on after a wait for an encoded form, unless the client has left; undefined after one. */
function waitOnce(exchange: ClientExchange, resume: Resume): (() => void) | undefined {
  if (exchange.hasWaited || exchange.site?.compress === undefined) return undefined;
  return () => {
    exchange.hasWaited = true;
    if (!exchange.response.destroyed) resume("respond");
  };
}

type FromStore = Extract<Answer, { kind: "stored" }>;
type FromFill = Extract<Answer, { kind: "fill" }>;

function respondFromStore(
  exchange: ClientExchange,
  edge: EdgeContext,
  answer: FromStore,
  sent: Representation | undefined,
): void {
  const { ageSeconds, ttlSeconds, status: forwardStatus } = answer;
  const object = sent?.object ?? answer.object;
  const stored = sent?.response ?? object.response;
  const { bodyBytes } = object;
  const { method, response } = exchange;
  const selection = selectStored(exchange, answer.object, sent);
  const selected = selectedBody(selection, stored.fields, bodyBytes);
  const isPlainHit = forwardStatus === undefined && exchange.reuse?.kind !== "revalidate";
  if (selection.kind === "full" && isPlainHit) {
    response.writeHead(
      stored.status,
      hitHead(stored, edge.name, { ageSeconds, ttlSeconds }, editsFor(exchange)),
    );
  } else {
    const cacheStatus: CacheStatus = isPlainHit
      ? { kind: "hit", ttlSeconds }
      : forwarded(exchange, { forwardStatus, ttlSeconds });
    const head = { fields: stored.fields, status: stored.status, length: bodyBytes };
    writeHead(exchange, edge, { ...head, selection, body: selected, cacheStatus, ageSeconds });
  }
  exchange.headAt = edge.clock.monotonic();
  const hasBody = method !== "HEAD" && selected !== undefined;
  sendStored(response, edge.turns, {
    chunks: hasBody ? object.chunks : [],
    wanted: hasBody ? selected.pieces : [],
    read: (cut) => edge.store.read(object, cut),
  });
  if (hasBody && sent !== undefined) edge.forms.noteSent(sent);
  noteWhenSent(exchange, edge, hasBody ? (selected.length ?? bodyBytes) : 0);
}

function respondFromFill(
  exchange: ClientExchange,
  edge: EdgeContext,
  answer: FromFill,
): StepResult {
  const { head, body, part } = answer;
  const { method, requestFields, response, fill, plan } = exchange;
  const length = knownLength(head.fields);
  const isSelectedHere = exchange.collapsed || plan?.conditionsKept === false;
  const fields =
    isSelectedHere && fill?.pending !== undefined
      ? arrivingFields({ status: head.status, fields: head.fields, bodyBytes: length }, exchange)
      : head.fields;
  // What went to the origin with the client's own conditions has been selected there.
  const selection: Selection = isSelectedHere
    ? selectRepresentation({
        method,
        requestFields,
        status: head.status,
        fields,
        completeLength: length,
        receivedAt: head.responseTime,
        arriving: true,
      })
    : { kind: "full" };
  const isForeignPart = part === undefined && plan?.range !== undefined && head.status === 206;
  if (isForeignPart || (part !== undefined && !isCoveredBy(part, selection))) {
    // The origin is asked again, for exactly what the client wants.
    if (exchange.client !== undefined) fill?.leave(exchange.client);
    exchange.bypass = "range";
    return "fetch";
  }
  const selected = selectedBody(selection, fields, length);
  const originStatus = part === undefined ? head.status : 206;
  const cacheStatus = forwarded(exchange, {
    forwardStatus: exchange.collapsed ? undefined : originStatus,
    stored: fill?.pending !== undefined,
    ttlSeconds: undefined,
  });
  const { status } = head;
  writeHead(exchange, edge, {
    fields,
    status,
    length,
    selection,
    body: selected,
    cacheStatus,
    ageSeconds: undefined,
  });
  exchange.headAt = edge.clock.monotonic();
  if (method === "HEAD" || selected === undefined) {
    response.end();
    noteWhenSent(exchange, edge, 0);
    return "done";
  }
  startReader(exchange, edge, fromStartOf(part, selected.pieces));
  noteWhenSent(exchange, edge, () => exchange.reader?.sentBytes ?? 0);
  exchange.reader?.wake();
  // The head goes out when it is there, not when the first byte of the body is.
  if (body.bytes === 0) process.nextTick(() => response.flushHeaders());
  return "done";
}

/** True if a part of a body has all that is to be sent. */
function isCoveredBy({ first, last }: ContentRange, selection: Selection): boolean {
  if (selection.kind === "full" || selection.kind === "ranges") return false;
  return selection.kind !== "range" || (first <= selection.first && selection.last <= last);
}

/** The same pieces of a body of which only a part is there. */
function fromStartOf(
  part: ContentRange | undefined,
  pieces: readonly BodyPiece[] | undefined,
): readonly BodyPiece[] | undefined {
  if (part === undefined) return pieces;
  return pieces?.map((piece) =>
    isLiteral(piece) ? piece : { first: piece.first - part.first, last: piece.last - part.first },
  );
}

function startReader(
  exchange: ClientExchange,
  edge: EdgeContext,
  wanted: readonly BodyPiece[] | undefined,
): void {
  const { answer, response, fill, client } = exchange;
  if (answer?.kind !== "fill") return;
  const withTrailers = takesTrailers(exchange.request.headers.te?.toString());
  const source = { body: answer.body, wanted, withTrailers };
  exchange.reader = new FillReader(response, source, edge.turns, {
    onRead: () => fill?.onRead(),
    onOver: () => {
      if (client !== undefined) fill?.leave(client);
    },
  });
}

/** Writes the head of what has been selected. */
export function writeHead(exchange: ClientExchange, edge: EdgeContext, head: AnswerHead): void {
  const { status, fields } = answerHead(head, edge.name, editsFor(exchange));
  exchange.response.writeHead(status, fields.flat());
}

/** Answers with an error of the edge's own. */
export function refuse(exchange: ClientExchange, edge: EdgeContext): StepResult {
  const { response, refusal } = exchange;
  const requestId = edge.nextRequestId();
  const error = errorResponse(refusal ?? "internal", { edge: edge.name, requestId });
  const reason = refusal ?? "internal";
  edge.log.debug({ event: "refused", reason, requestId, site: exchange.site?.name });
  const fields = clientResponseFields({
    fields: [...error.fields, ...(exchange.refusalFields ?? [])],
    edge: edge.name,
    status: error.status,
    cacheStatus: forwarded(exchange, { ttlSeconds: undefined, detail: reason }),
    ageSeconds: undefined,
    edits: editsFor(exchange),
  });
  // What is left of the request's body would be taken for the next request.
  if (exchange.hasBody) fields.push(["connection", "close"]);
  response.writeHead(error.status, fields.flat());
  exchange.headAt = edge.clock.monotonic();
  response.end(exchange.method === "HEAD" ? undefined : error.body);
  exchange.cache = exchange.bypass === undefined ? "miss" : "bypass";
  noteWhenSent(exchange, edge, exchange.method === "HEAD" ? 0 : error.body.length);
  return "done";
}

/** What Cache-Status says of a request that was not answered from the store alone. */
export function forwarded(
  exchange: ClientExchange,
  facts: Pick<Extract<CacheStatus, { kind: "forward" }>, "stored" | "detail"> & {
    readonly reason?: ForwardReason;
    readonly forwardStatus?: number | undefined;
    readonly ttlSeconds: number | undefined;
  },
): CacheStatus {
  const { forwardStatus, ttlSeconds, ...rest } = facts;
  return {
    kind: "forward",
    reason: forwardReason(exchange),
    collapsed: exchange.collapsed,
    ...(forwardStatus === undefined ? {} : { forwardStatus }),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
    ...rest,
  };
}

function forwardReason({ bypass, reuse }: ClientExchange): ForwardReason {
  if (bypass === "method") return "method";
  if (bypass === "range") return "partial";
  if (bypass === "request-no-store") return "request";
  if (bypass !== undefined) return "bypass";
  if (reuse?.kind === "fetch") return reuse.reason;
  if (reuse?.kind !== "revalidate") return "miss";
  return reuse.reason === "request" ? "request" : "stale";
}

/** What changes of an answer on its way to the client. */
export function editsFor(exchange: ClientExchange): ClientEdits | undefined {
  const { site, rule, method, scheme, cors } = exchange;
  return withCors(clientEdits(site, rule, { method, scheme }), cors);
}

/** Counts and logs the exchange once its last byte has been handed to the socket. */
export function noteWhenSent(
  exchange: ClientExchange,
  edge: EdgeContext,
  bodyBytes: number | (() => number),
): void {
  const note = (): void => {
    const { response, startedAt } = exchange;
    const sent = {
      status: response.statusCode,
      bodyBytes: typeof bodyBytes === "number" ? bodyBytes : bodyBytes(),
      firstByteSeconds: (exchange.headAt - startedAt) / 1000,
      durationSeconds: (edge.clock.monotonic() - startedAt) / 1000,
    };
    edge.metrics.note({ site: exchange.site?.name ?? NO_SITE, cache: exchange.cache, ...sent });
    edge.access?.noteSent(exchange, { ...sent, aborted: !response.writableEnded });
  };
  // `end` with everything in it has handed all to the socket already; the rest takes a while.
  if (exchange.response.writableEnded) note();
  else exchange.response.once("close", note);
}

/** The length that a head announces; undefined when it comes in chunks or until the end. */
function knownLength(fields: FieldLines): number | undefined {
  const value = singleField(fields, "content-length");
  if (value === undefined || hasField(fields, "transfer-encoding")) return undefined;
  const length = Number(value);
  return Number.isSafeInteger(length) && length >= 0 ? length : undefined;
}
