import type { ClientExchange, SelectedSlices } from "../client-exchange.ts";
import type { EdgeContext } from "../context.ts";
import { selectRepresentation } from "../decide/precondition.ts";
import { sliceCount, slicingOf } from "../decide/slicing.ts";
import type { SliceFailure } from "../fetch/slice-cursor.ts";
import type { CacheStatus } from "../serve/cache-status.ts";
import { hitHead } from "../serve/hit-head.ts";
import { type BodyPiece, isLiteral } from "../serve/multipart.ts";
import { selectedBody } from "../serve/selected-body.ts";
import { SlicedReader } from "../serve/sliced-reader.ts";
import { type CacheObject, partKey } from "../store/store.ts";
import { sliceAsk } from "./fetch.ts";
import { editsFor, forwarded, noteWhenSent, writeHead } from "./respond.ts";
import { refusalFor } from "./settle.ts";
import type { Resume, StepResult } from "./step.ts";

/** So often a request begins again because the origin has another version by then. */
const RESTARTS_MAX = 2;

/** Slices that are looked for to say whether an answer is a hit. */
const LOOKED_FOR_MAX = 1_024;

/**
 * Sends an object that is kept in slices. The head waits until the origin has confirmed the version
 * of the first byte, if that has to come from there: until then nothing is lost when it has another
 * version by now.
 */
export function respondSliced(
  exchange: ClientExchange,
  edge: EdgeContext,
  resume: Resume,
): StepResult {
  const slices = exchange.slices ?? select(exchange, edge);
  if (slices === undefined) return "done";
  exchange.slices = slices;
  const { reader } = slices;
  switch (reader.prepare(() => resume("sliced"))) {
    case "waiting":
      return "parked";
    case "failed":
      reader.close();
      return afterFailure(exchange, edge, reader.failure);
    case "ready":
      sendHead(exchange, edge, slices);
      noteWhenSent(exchange, edge, () => reader.sentBytes);
      reader.start();
      if (reader.sentBytes === 0) process.nextTick(() => exchange.response.flushHeaders());
      return "done";
  }
}

/** What is to be sent, and a reader that sends it. Without a body the answer is given at once. */
function select(exchange: ClientExchange, edge: EdgeContext): SelectedSlices | undefined {
  const object = objectOf(exchange);
  const { method, requestFields, request, response } = exchange;
  const { status, fields, times } = object.response;
  const completeLength = object.bodyBytes;
  const receivedAt = times.responseTime;
  const selection = selectRepresentation({
    method,
    requestFields,
    status,
    fields,
    completeLength,
    receivedAt,
  });
  const body = selectedBody(selection, fields, completeLength);
  if (method === "HEAD" || body === undefined) {
    writeSelected(exchange, edge, { object, selection, body, isComplete: true });
    response.end();
    noteWhenSent(exchange, edge, 0);
    return undefined;
  }
  const pieces = body.pieces ?? [{ first: 0, last: completeLength - 1 }];
  const ask = sliceAsk(exchange, edge);
  const open = (onMore: () => void) => edge.sliced.open(object, ask, onMore);
  const reader = new SlicedReader(response, { open, pieces }, edge.turns);
  exchange.reader = reader;
  response.once("close", () => reader.close());
  edge.noteWaiting(request.socket, () => !response.writableEnded && reader.isWaiting);
  return { object, selection, body, reader };
}

function objectOf({ answer, object }: ClientExchange): CacheObject {
  if (answer?.kind === "stored" || answer?.kind === "sliced") return answer.object;
  throw new Error(`there are no slices to send for ${object?.key}`);
}

function sendHead(exchange: ClientExchange, edge: EdgeContext, slices: SelectedSlices): void {
  const { object, selection, body, reader } = slices;
  const isComplete = !reader.asked && isStored(object, body.pieces, edge);
  // What had to be fetched in part is no hit, whatever the head was.
  if (!isComplete && exchange.cache === "hit") exchange.cache = "miss";
  writeSelected(exchange, edge, { object, selection, body, isComplete });
}

function writeSelected(
  exchange: ClientExchange,
  edge: EdgeContext,
  selected: Pick<SelectedSlices, "object" | "selection"> & {
    readonly body: SelectedSlices["body"] | undefined;
    /** Nothing of it has to come from the origin, as far as can be seen now. */
    readonly isComplete: boolean;
  },
): void {
  const { answer, response } = exchange;
  const { object, selection, body, isComplete } = selected;
  const { status, fields } = object.response;
  const times = answer?.kind === "stored" ? answer : undefined;
  const isPlain =
    answer?.kind === "stored" &&
    answer.status === undefined &&
    exchange.reuse?.kind !== "revalidate";
  if (isPlain && isComplete && times !== undefined && selection.kind === "full") {
    response.writeHead(status, hitHead(object.response, edge.name, times, editsFor(exchange)));
  } else {
    const cacheStatus = cacheStatusOf(exchange, isPlain, isComplete);
    const head = { fields, status, length: object.bodyBytes, selection, body };
    writeHead(exchange, edge, { ...head, cacheStatus, ageSeconds: times?.ageSeconds });
  }
  exchange.headAt = edge.clock.monotonic();
}

function cacheStatusOf(
  exchange: ClientExchange,
  isPlain: boolean,
  isComplete: boolean,
): CacheStatus {
  const { answer, collapsed } = exchange;
  if (answer?.kind === "stored") {
    const { ttlSeconds, status: forwardStatus } = answer;
    if (!isPlain) return forwarded(exchange, { forwardStatus, ttlSeconds });
    if (isComplete) return { kind: "hit", ttlSeconds };
    return { kind: "forward", reason: "partial", ttlSeconds };
  }
  const forwardStatus = collapsed || answer?.kind !== "sliced" ? undefined : answer.status;
  return forwarded(exchange, { forwardStatus, stored: true, ttlSeconds: undefined });
}

/** True if all slices that are to be sent are in memory now. */
function isStored(
  object: CacheObject,
  pieces: readonly BodyPiece[] | undefined,
  edge: EdgeContext,
): boolean {
  const slicing = slicingOf(object.response);
  if (slicing === undefined) return true;
  const ranges = pieces?.flatMap((piece) => (isLiteral(piece) ? [] : [piece]));
  let lookedFor = 0;
  for (const { first, last } of ranges ?? [{ first: 0, last: slicing.bodyBytes - 1 }]) {
    const end = Math.min(Math.floor(last / slicing.sliceBytes) + 1, sliceCount(slicing));
    for (let index = Math.floor(first / slicing.sliceBytes); index < end; index += 1) {
      lookedFor += 1;
      if (lookedFor > LOOKED_FOR_MAX) return true;
      if (edge.store.lookup(partKey(object.id, String(index))) === undefined) return false;
    }
  }
  return true;
}

/** Nothing has been sent: with another version everything begins again, at the lookup. */
function afterFailure(
  exchange: ClientExchange,
  edge: EdgeContext,
  failure: SliceFailure | undefined,
): StepResult {
  exchange.slices = undefined;
  exchange.reader = undefined;
  if (failure?.kind === "changed" && exchange.releases <= RESTARTS_MAX) {
    exchange.releases += 1;
    return "lookup";
  }
  const { kind, detail } =
    failure?.kind === "origin"
      ? failure.failure
      : { kind: "protocol" as const, detail: "the object changes all the time" };
  exchange.refusal = refusalFor(kind);
  edge.log.warn({ event: "origin-failed", site: exchange.site?.name, kind, detail });
  return "refuse";
}
