import type { Order } from "acme-client";
import type { Clock } from "../../common/clock.ts";
import type { Random } from "../../common/random.ts";
import { type SealedKey, type SealingKey, seal, unseal } from "../../common/sealed.ts";
import type { CertificateRecord, OrderRecord, RecordChange } from "../../state/certificates.ts";
import { CHALLENGE_MS_MAX } from "../../state/limits.ts";
import { checkPair } from "../certificates/pair.ts";
import { type Authority, type HostState, newKey } from "./authority.ts";
import { AuthorityError } from "./http.ts";
import type { WantedCertificate } from "./plan.ts";

/** How long an authority may take to look at a challenge, and to sign. */
const LOOKED_AT_WITHIN_MS = 120_000;
/** How often it is asked whether it has. */
const ASK_EVERY_MS = 500;
/** How often at most: the pause doubles from one question to the next. */
const ASK_EVERY_MS_MAX = 5_000;

/** What an authority answers when it does not know an order, or not for this account. */
const GONE: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

/** What getting one certificate works with. */
export interface OrderWork {
  readonly authority: Authority;
  readonly directory: string;
  readonly wanted: WantedCertificate;
  /** What an earlier try left: its order and its key are used if the authority still knows them. */
  readonly before: OrderRecord | undefined;
  readonly sealingKey: SealingKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Appends a change; gives its version. */
  readonly put: (change: RecordChange) => Promise<number>;
  /** Resolves when edges and routers have applied a version, or have had enough time. */
  readonly applied: (version: number) => Promise<void>;
}

/**
 * Gets one certificate (RFC 8555 section 7.1): orders it, or goes on with the order of a server
 * that did not come to the end; shows what the authority wants to see; and puts the certificate in
 * force. Rejects with an AuthorityError if the authority does not play along. Every step can be the
 * last one of this server: what the next one needs is in the store by then.
 */
export async function getCertificate(work: OrderWork): Promise<CertificateRecord> {
  const { wanted, authority, clock, put } = work;
  const { order, key, sealed } = await openOrder(work);
  const tokens: string[] = [];
  try {
    if (order.status === "pending") await proveHosts(work, order, tokens);
    let now = await settled(work, order.url, ["pending"]);
    if (now.status === "ready") {
      await authority.finalize(now, { hosts: wanted.hosts, key });
      now = await settled(work, order.url, ["ready", "processing"]);
    }
    const pair = checkPair({ chain: await authority.chain(now), key }, clock.now());
    if (!pair.ok) {
      throw new AuthorityError(`the certificate cannot be used: it ${pair.error.message}`);
    }
    const { chain, hosts, notBefore, notAfter } = pair.value;
    const certificate: CertificateRecord = {
      name: wanted.name,
      hosts,
      chain,
      key: sealed,
      notBefore,
      notAfter,
      source: "acme",
      ...(wanted.site === undefined ? {} : { site: wanted.site }),
    };
    await put({ kind: "certificate-put", certificate });
    await put({ kind: "order-remove", order: wanted.name });
    return certificate;
  } finally {
    for (const challenge of tokens) await put({ kind: "challenge-remove", challenge });
  }
}

interface OpenOrder {
  readonly order: Order;
  /** PEM. */
  readonly key: string;
  readonly sealed: SealedKey;
}

/** The order that is under way, if it can still lead somewhere, or a new one. */
async function openOrder(work: OrderWork): Promise<OpenOrder> {
  const { authority, before, directory, wanted, sealingKey, random, put } = work;
  const isSame = before?.directory === directory && before.hosts.join() === wanted.hosts.join();
  if (isSame && before.url !== undefined && before.key !== undefined) {
    const key = unseal(sealingKey, wanted.name, before.key);
    const order = await authority.orderAt(before.url).catch((error: unknown) => {
      // One that it has forgotten there is none any more; it may not say so in a problem document.
      if (error instanceof AuthorityError && GONE.has(error.status ?? 0)) return undefined;
      throw error;
    });
    if (key.ok && order !== undefined && order.status !== "invalid") {
      return { order: { ...order, url: before.url }, key: key.value, sealed: before.key };
    }
  }
  const key = await newKey();
  const sealed = seal(sealingKey, wanted.name, { pem: key, random });
  const order = await authority.order(wanted.hosts);
  await put({
    kind: "order-put",
    order: {
      certificate: wanted.name,
      ...(wanted.site === undefined ? {} : { site: wanted.site }),
      hosts: wanted.hosts,
      directory,
      url: order.url,
      key: sealed,
      failures: before?.failures ?? 0,
      nextAt: 0,
    },
  });
  return { order, key, sealed };
}

/** Shows the authority what it wants to see for each host that it does not believe yet. */
async function proveHosts(work: OrderWork, order: Order, tokens: string[]): Promise<void> {
  const { authority, wanted, clock, put } = work;
  const open = (await authority.hosts(order)).filter(({ status }) => status === "pending");
  const challenges = open.map((state) => {
    const challenge = state.challenges.find(({ type }) => type === wanted.challenge);
    if (challenge !== undefined) return { host: state.host, challenge };
    throw new AuthorityError(`${state.host}: the authority offers no ${wanted.challenge}`);
  });
  let version = 0;
  for (const { host, challenge } of challenges) {
    const { token } = challenge;
    const value = await authority.answerTo(challenge);
    const expiresAt = clock.now() + CHALLENGE_MS_MAX;
    tokens.push(token);
    const record = { token, kind: wanted.challenge, host, value, expiresAt };
    version = await put({ kind: "challenge-put", challenge: record });
  }
  await work.applied(version);
  // One that an earlier try declared ready is being looked at already.
  for (const { challenge } of challenges) {
    if (challenge.status === "pending") await authority.ready(challenge);
  }
  await poll(work, async () => {
    const states = await authority.hosts(order);
    const bad = states.find(({ status }) => status === "invalid");
    if (bad !== undefined) throw new AuthorityError(notBelieved(bad));
    return states.every(({ status }) => status !== "pending") ? true : undefined;
  });
}

function notBelieved({ host, reason }: HostState): string {
  return `${host}: ${reason ?? "the authority does not believe that it is ours, and not why"}`;
}

/** The order, once it has left the states that others are still working on. */
function settled(work: OrderWork, url: string, states: readonly string[]): Promise<Order> {
  return poll(work, async () => {
    const order = await work.authority.orderAt(url);
    if (order.status === "invalid") throw new AuthorityError("the authority refused the order");
    return states.includes(order.status) ? undefined : { ...order, url };
  });
}

/** Asks again and again until there is an answer, at most for LOOKED_AT_WITHIN_MS. */
async function poll<T>(work: OrderWork, ask: () => Promise<T | undefined>): Promise<T> {
  const { clock, signal } = work;
  const deadline = clock.monotonic() + LOOKED_AT_WITHIN_MS;
  for (let pauseMs = ASK_EVERY_MS; ; pauseMs = Math.min(ASK_EVERY_MS_MAX, pauseMs * 1.5)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (clock.monotonic() > deadline) {
      throw new AuthorityError(`the authority took longer than ${LOOKED_AT_WITHIN_MS / 1_000} s`);
    }
    await pause(clock, pauseMs, signal);
  }
}

/** Resolves after a while; rejects as soon as `signal` says so. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(new AuthorityError("stopped"));
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
