import type { SocketAddress } from "../../common/address.ts";
import { ListenError } from "../../common/listen.ts";
import type { Logger } from "../../common/log.ts";
import type { AnswerPacket } from "./answer.ts";
import { listenTcpDns, type TcpListener } from "./tcp.ts";
import { listenUdp, type UdpListener } from "./udp.ts";

/** UDP and TCP on one address and port. */
export interface DnsListener {
  readonly address: SocketAddress;
  readonly udp: UdpListener;
  readonly tcp: TcpListener;
}

/** With port 0, how often a port that UDP has and TCP lacks is given up for another one. */
const ATTEMPTS_MAX = 20;

/** Binds every address for UDP and TCP, or none of them: rejects with a ListenError. */
export async function listenDns(
  addresses: readonly SocketAddress[],
  answer: AnswerPacket,
  log: Logger,
): Promise<readonly DnsListener[]> {
  const listeners: DnsListener[] = [];
  try {
    for (const address of addresses) listeners.push(await listenBoth(address, answer, log));
    return listeners;
  } catch (error) {
    await closeDns(listeners, 0);
    throw error;
  }
}

/** Closes all of them; connections have until the deadline. */
export async function closeDns(
  listeners: readonly DnsListener[],
  deadlineMs: number,
): Promise<void> {
  await Promise.all(listeners.flatMap(({ udp, tcp }) => [udp.close(), tcp.close(deadlineMs)]));
}

async function listenBoth(
  listen: SocketAddress,
  answer: AnswerPacket,
  log: Logger,
): Promise<DnsListener> {
  for (let attempt = 1; ; attempt += 1) {
    const udp = await listenUdp(listen, answer, log);
    try {
      const tcp = await listenTcpDns(udp.address, answer, log);
      return { address: udp.address, udp, tcp };
    } catch (error) {
      await udp.close();
      const isTaken = error instanceof ListenError && error.code === "EADDRINUSE";
      if (listen.port !== 0 || !isTaken || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}
