import type { Clock } from "../../common/clock.ts";
import type { CompressOptions } from "../../common/config/compress.ts";
import type { SiteRule } from "../../common/config/rule.ts";
import type { Site } from "../../common/config/site.ts";
import {
  compressionFor,
  type EncodingFacts,
  type NotEligibleReason,
  notEligible,
} from "../decide/encodable.ts";
import type { StoredResponse } from "../decide/stored.ts";
import { CODINGS, type Coding } from "../http/accept-encoding.ts";
import type { FieldLines } from "../http/fields.ts";
import { type CacheObject, partKey, type Store } from "../store/store.ts";
import { chooseForm, type FormChoice } from "./choose.ts";
import { codedFields, formOfClient, presentAs, varyingFields } from "./coded-fields.ts";
import type { EncodingJob, EncodingJobs } from "./encoding-jobs.ts";

/** So long after its beginning a client waits for a job. */
export const WAIT_MS_MAX = 100;

/** Clients wait only for bodies up to this size: larger ones would take longer than they wait. */
export const WAIT_BYTES_MAX = 2 ** 20;

/** A request for something that is stored, or about to be. */
export interface FormRequest {
  readonly site: Site | undefined;
  readonly rule: SiteRule | undefined;
  readonly method: string;
  readonly requestFields: FieldLines;
}

/** What is sent of a stored object: its own body or the one of an encoded form. */
export interface Representation {
  /** Whose bytes are sent, and which counts as read. */
  readonly object: CacheObject;
  readonly response: StoredResponse;
  /** Undefined: not encoded. */
  readonly coding: Coding | undefined;
  /** Bytes that the encoded form is shorter by. */
  readonly savedBytes: number;
}

/** What `/explain` tells about the encoding of an object. */
export type FormsExplained =
  | { readonly eligible: false; readonly reason: NotEligibleReason }
  | ({
      readonly eligible: true;
      /** Bytes of each form that there is; 0 for one that would not be shorter. */
      readonly forms: Partial<Record<Coding, number>>;
    } & FormChoice);

/** What forms need. */
export interface EncodedFormsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly jobs: EncodingJobs;
  /** Counts bytes that clients were spared. */
  readonly saved: { add(labels: { readonly coding: Coding }, bytes: number): void };
}

/** The encoded forms of stored responses: which one a client gets, and having them made. */
export class EncodedForms {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #jobs: EncodingJobs;
  readonly #saved: EncodedFormsOptions["saved"];

  constructor({ store, clock, jobs, saved }: EncodedFormsOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#jobs = jobs;
    this.#saved = saved;
  }

  /**
   * What to send of a stored object; undefined: it has no other forms, and is sent as it is.
   *
   * Has the form made that this client likes best, if there is none. With `resume` it may be
   * `parked` until then: for a small body, when no other form that the client takes is at hand, and
   * the job is at work. `resume` is called once, and not before this returns.
   */
  represent(
    object: CacheObject,
    request: FormRequest,
    resume?: () => void,
  ): Representation | "parked" | undefined {
    const settled = this.#settle(object, request);
    if (settled === undefined || "object" in settled) return settled;
    const { serve, make } = settled;
    const job = make === undefined ? undefined : this.#jobs.want(object, make);
    const form = this.#present(object, serve);
    if (form !== undefined) return form;
    if (job !== undefined && resume !== undefined && this.#waits(job, resume)) return "parked";
    return asKnown(object, "identity");
  }

  /**
   * The same for a request that nothing may be made or waited for; `wanted`: something would be.
   */
  atHand(object: CacheObject, request: FormRequest): Representation | "wanted" | undefined {
    const settled = this.#settle(object, request);
    if (settled === undefined || "object" in settled) return settled;
    const { serve, make } = settled;
    if (make !== undefined) return "wanted";
    return this.#present(object, serve) ?? asKnown(object, "identity");
  }

  /** What is sent, if that is sure without looking for forms; else what there is to choose. */
  #settle(object: CacheObject, request: FormRequest): Representation | FormChoice | undefined {
    const options = compressionFor(request.site, request.rule);
    const { response } = object;
    if (options === undefined || notEligible(options, response) !== undefined) return undefined;
    const known = formOfClient(request.requestFields, response.fields);
    return known === undefined ? this.#choose(object, request, options) : asKnown(object, known);
  }

  /** A form that is there, which counts as used. */
  #present(object: CacheObject, coding: Coding | undefined): Representation | undefined {
    const form = coding === undefined ? undefined : this.#formOf(object, coding);
    if (coding === undefined || form === undefined) return undefined;
    this.#store.touch(form);
    const { bodyBytes } = form;
    const response = presentAs(object.response, { coding, bodyBytes });
    return { object: form, response, coding, savedBytes: object.bodyBytes - bodyBytes };
  }

  /** Counts what was sent with its body. */
  noteSent({ coding, savedBytes }: Representation): void {
    if (coding !== undefined) this.#saved.add({ coding }, savedBytes);
  }

  /** What is known of an object's forms, and which one such a request would get. */
  explain(object: CacheObject, request: FormRequest): FormsExplained {
    const options = compressionFor(request.site, request.rule);
    const reason = notEligible(options, object.response);
    if (options === undefined || reason !== undefined) {
      return { eligible: false, reason: reason ?? "off" };
    }
    const forms: Partial<Record<Coding, number>> = {};
    for (const coding of CODINGS) {
      const bytes = this.#formOf(object, coding)?.bodyBytes;
      if (bytes !== undefined) forms[coding] = bytes;
    }
    return { eligible: true, forms, ...this.#choose(object, request, options) };
  }

  #choose(object: CacheObject, request: FormRequest, { codings }: CompressOptions): FormChoice {
    const { method, requestFields } = request;
    const bytesOf = (coding: Coding) => this.#formOf(object, coding)?.bodyBytes;
    return chooseForm({ method, requestFields, codings, bytesOf });
  }

  #formOf({ id }: CacheObject, coding: Coding): CacheObject | undefined {
    return this.#store.lookup(partKey(id, coding))?.objects[0];
  }

  /** Calls `resume` when the job is over or has taken too long; false: it is not waited for. */
  #waits(job: EncodingJob, resume: () => void): boolean {
    const { startedAt, object } = job;
    if (startedAt === undefined || object.bodyBytes > WAIT_BYTES_MAX) return false;
    const leftMs = startedAt + WAIT_MS_MAX - this.#clock.monotonic();
    if (leftMs <= 0) return false;
    let isResumed = false;
    const once = (): void => {
      if (isResumed) return;
      isResumed = true;
      cancel();
      resume();
    };
    const cancel = this.#clock.after(leftMs, once);
    job.onOver(once);
    return true;
  }
}

/**
 * The fields of a response that is about to be stored, for a client that gets it as it arrives: it
 * may come to be encoded, and the client may know an encoded form of it (P).
 */
export function arrivingFields(facts: EncodingFacts, request: FormRequest): FieldLines {
  const { fields, bodyBytes } = facts;
  const options = compressionFor(request.site, request.rule);
  if (options === undefined || notEligible(options, facts) !== undefined) return fields;
  const known = formOfClient(request.requestFields, fields);
  if (known === undefined || known === "identity") return varyingFields(fields);
  return codedFields(fields, { coding: known, bodyBytes: bodyBytes ?? 0 });
}

/** A form that the client has already: the answer will be a 304, so no body is looked for. */
function asKnown(object: CacheObject, form: Coding | "identity"): Representation {
  const { response } = object;
  const none = { object, coding: undefined, savedBytes: 0 };
  if (form === "identity") return { ...none, response: presentAs(response) };
  const fields = codedFields(response.fields, { coding: form, bodyBytes: object.bodyBytes });
  return { ...none, response: { ...response, fields } };
}
