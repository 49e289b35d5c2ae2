import type { SocketAddress } from "../../common/address.ts";
import type { IpPrefix } from "../../common/ip.ts";
import { ListenError } from "../../common/listen.ts";
import type { Logger } from "../../common/log.ts";
import type { UdpLayerChoice } from "../native/layer.ts";
import type { RefusalReason, StreamListener } from "./accept.ts";
import type { AnswerInPlace, AnswerPacket, Transport } from "./answer.ts";
import { listenDoh } from "./doh.ts";
import { listenTcpDns, listenTlsDns, TCP_LIMITS } from "./tcp.ts";
import type { SecureContextSource } from "./tls.ts";
import { listenUdp } from "./udp.ts";
import type { UdpListener } from "./udp-listener.ts";

/** UDP and TCP on one address and port. */
interface PlainListener {
  readonly address: SocketAddress;
  readonly udp: UdpListener;
  readonly tcp: StreamListener;
}

/** Where to listen, and for what. */
export interface ListenPlan {
  /** Each over UDP and TCP. */
  readonly plain: readonly SocketAddress[];
  readonly dot: readonly SocketAddress[];
  readonly doh: readonly SocketAddress[];
  /** Where DoH is asked: `/dns-query`. */
  readonly dohPath: string;
  /** Needed for `dot` and `doh`. */
  readonly secureContext: SecureContextSource | undefined;
  /** Front ends that say in a PROXY header for whom they speak. */
  readonly proxyFrom: readonly IpPrefix[];
  /** What serves UDP. */
  readonly udpLayer: UdpLayerChoice;
  /** Other sockets share each UDP port; left out: none. */
  readonly reusePort?: boolean;
}

/** What all listeners share. */
export interface ListenOptions {
  readonly answer: AnswerPacket;
  /** Asked first about what comes over UDP; left out: `answer` gets all. */
  readonly answerInPlace?: AnswerInPlace;
  readonly log: Logger;
  /** Called for each connection or packet that is refused before anybody reads what it asks. */
  readonly onRefusal: (transport: Transport, reason: RefusalReason) => void;
}

/** The bound ports of a router. */
export interface DnsListeners {
  readonly plain: readonly PlainListener[];
  readonly dot: readonly StreamListener[];
  readonly doh: readonly StreamListener[];
}

/** With port 0, how often a port that UDP has and TCP lacks is given up for another one. */
const ATTEMPTS_MAX = 20;

/** Binds every address, or none of them: rejects with a ListenError. */
export async function listenDns(plan: ListenPlan, options: ListenOptions): Promise<DnsListeners> {
  const listeners = {
    plain: [] as PlainListener[],
    dot: [] as StreamListener[],
    doh: [] as StreamListener[],
  };
  try {
    for (const address of plan.plain) {
      listeners.plain.push(await listenBoth(address, plan, options));
    }
    const { secureContext, dohPath } = plan;
    if (secureContext === undefined) return listeners;
    for (const address of plan.dot) {
      const stream = streamOptions("dot", plan, options);
      listeners.dot.push(await listenTlsDns(address, secureContext, stream));
    }
    for (const address of plan.doh) {
      const stream = streamOptions("doh", plan, options);
      listeners.doh.push(await listenDoh(address, { secureContext, path: dohPath }, stream));
    }
    return listeners;
  } catch (error) {
    await closeDns(listeners, 0);
    throw error;
  }
}

/** Closes all of them; connections have until the deadline. */
export async function closeDns(listeners: DnsListeners, deadlineMs: number): Promise<void> {
  const { plain, dot, doh } = listeners;
  await Promise.all([
    ...plain.map(({ udp }) => udp.close()),
    ...[...plain.map(({ tcp }) => tcp), ...dot, ...doh].map((it) => it.close(deadlineMs)),
  ]);
}

/** Open connections now, by transport. */
export function openConnections(
  listeners: DnsListeners,
): readonly (readonly [Transport, number])[] {
  const sum = (all: readonly StreamListener[]) =>
    all.reduce((total, listener) => total + listener.connections(), 0);
  return [
    ["tcp", sum(listeners.plain.map(({ tcp }) => tcp))],
    ["dot", sum(listeners.dot)],
    ["doh", sum(listeners.doh)],
  ];
}

function streamOptions(
  transport: Transport,
  { proxyFrom }: ListenPlan,
  { answer, log, onRefusal }: ListenOptions,
) {
  const refuse = (reason: RefusalReason) => onRefusal(transport, reason);
  return { answer, log, limits: TCP_LIMITS, proxyFrom, onRefusal: refuse };
}

async function listenBoth(
  listen: SocketAddress,
  plan: ListenPlan,
  options: ListenOptions,
): Promise<PlainListener> {
  const { proxyFrom, udpLayer: layer, reusePort = false } = plan;
  const onBroken = (): void => options.onRefusal("udp", "proxy-header");
  for (let attempt = 1; ; attempt += 1) {
    const udp = await listenUdp(listen, { ...options, proxyFrom, onBroken, layer, reusePort });
    try {
      const tcp = await listenTcpDns(udp.address, streamOptions("tcp", plan, options));
      return { address: udp.address, udp, tcp };
    } catch (error) {
      await udp.close();
      const isTaken = error instanceof ListenError && error.code === "EADDRINUSE";
      if (listen.port !== 0 || !isTaken || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}
