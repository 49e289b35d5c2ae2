import type { Site } from "../../common/config/site.ts";
import { judgeSliceAnswer, type KnownVersion } from "../decide/slicing.ts";
import type { FieldLine } from "../http/fields.ts";
import type { ExchangeListener, OriginExchange, OriginHead } from "./exchange.ts";
import type { OriginFailure } from "./failure.ts";
import type { OriginClient } from "./origin-client.ts";
import type { SliceFetch, SliceSource } from "./slice-fetch.ts";

/** What is sent to the origin of a site for slices of an object. */
export interface SliceAsked {
  readonly site: Site;
  readonly target: string;
  readonly fields: readonly FieldLine[];
}

/** Makes a request with these conditions; undefined when it would lead back to this edge. */
export type SliceAsk = (conditions: readonly FieldLine[]) => SliceAsked | undefined;

/** How a request for slices ended: the label values of `edge_slice_fills_total{result}`. */
export type SliceRequestResult =
  | "complete"
  /** Stopped by this edge: nobody needed the rest. */
  | "stopped"
  /** The origin has another version. */
  | "changed"
  | "error"
  | "timeout";

interface SliceRequestListener {
  /** The answer is everything from the first byte on. */
  onWhole(): void;
  onChanged(): void;
  onEnd(result: SliceRequestResult): void;
}

/** One range request to an origin on behalf of readers of an object that is there in part. */
export class SliceRequest implements ExchangeListener, SliceSource {
  readonly #version: KnownVersion;
  readonly #origins: OriginClient;
  readonly #listener: SliceRequestListener;
  #fetch: SliceFetch | undefined;
  #exchange: OriginExchange | undefined;
  #first = 0;
  #over = false;

  constructor(version: KnownVersion, origins: OriginClient, listener: SliceRequestListener) {
    this.#version = version;
    this.#origins = origins;
    this.#listener = listener;
  }

  /** Sends it. The fetch may be told of a failure before this returns. */
  start({ site, target, fields }: SliceAsked, fetch: SliceFetch): void {
    this.#fetch = fetch;
    this.#first = fetch.position;
    const request = { method: "GET", target, fields, body: undefined };
    this.#exchange = this.#origins.send(site, request, this);
    if (this.#over) this.#exchange.abort();
  }

  pause(): void {
    this.#exchange?.pause();
  }

  resume(): void {
    this.#exchange?.resume();
  }

  abort(): void {
    this.#exchange?.abort();
    this.#end("stopped");
  }

  onInterim(): void {
    // RFC 9110 section 15.2: hints are about the whole; the client has had its head, or will.
  }

  onHead(head: OriginHead): void {
    const answer = judgeSliceAnswer(head, this.#first, this.#version);
    switch (answer.kind) {
      case "part":
        this.#fetch?.begin(answer.first, answer.last + 1);
        return;
      case "whole":
        this.#listener.onWhole();
        this.#fetch?.begin(0, this.#version.bodyBytes);
        return;
      case "changed":
        this.#end("changed");
        this.#listener.onChanged();
        this.#fetch?.stop();
        return;
      case "failed":
        this.#end("error");
        this.#fetch?.fail({ kind: "protocol", detail: answer.detail });
        this.#exchange?.abort();
    }
  }

  onData(chunk: Buffer): void {
    this.#fetch?.append(chunk);
  }

  onEnd(): void {
    this.#end("complete");
    this.#fetch?.complete();
  }

  onFailure(failure: OriginFailure): void {
    this.#end(failure.kind.endsWith("timeout") ? "timeout" : "error");
    this.#fetch?.fail(failure);
  }

  #end(result: SliceRequestResult): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.onEnd(result);
  }
}
