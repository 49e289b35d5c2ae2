import { type IpBytes, type IpPrefix, prefixContains } from "../../common/ip.ts";
import type { Logger } from "../../common/log.ts";
import type { AnswerDatagram, AnswerInPlace, AnswerPacket, Later } from "./answer.ts";
import { readProxyHeader } from "./proxy-protocol.ts";

/** What answers datagrams, and from whom they are taken. */
export interface DatagramOptions {
  readonly answer: AnswerPacket;
  /** Asked first, where a packet has no PROXY header; left out: `answer` gets all. */
  readonly answerInPlace?: AnswerInPlace;
  readonly log: Logger;
  /** From these networks each packet has a PROXY header first; from others none has. */
  readonly proxyFrom: readonly IpPrefix[];
  /** Called for each packet of a front end that has no header that can be used. */
  readonly onBroken: () => void;
}

/**
 * The longest datagram that is read. No query comes near it, and what does not fit an Ethernet
 * frame has come in fragments, which most networks drop (RFC 9715 section 3).
 */
export const QUERY_BYTES_MAX = 4_096;

/** Room for one answer: more than any `maxUdpBytes`, less than what would be cut into fragments. */
export const ANSWER_BYTES_MAX = 4_096;

/**
 * Makes what both UDP layers call for each datagram: one that stands in `bytes` from `start` to
 * `end` and came from `peer`; `later` is the way back to who has sent it. The answer goes into
 * `out`; gives its octets, 0 for none. Never throws: what cannot be answered is dropped.
 */
export function datagramAnswerer(options: DatagramOptions, later: Later): AnswerDatagram {
  const { answer, answerInPlace, log, proxyFrom, onBroken } = options;
  const answerProxied = (packet: Uint8Array, peer: IpBytes, out: Uint8Array): number => {
    const header = readProxyHeader(packet);
    // A datagram is whole: what is not a header now will never be one.
    if (header.kind === "header") {
      return answer(packet.subarray(header.length), header.source ?? peer, "udp", out, later);
    }
    onBroken();
    return 0;
  };
  return (bytes, start, end, peer, out) => {
    if (end - start > QUERY_BYTES_MAX) return 0;
    try {
      if (proxyFrom.some((prefix) => prefixContains(prefix, peer))) {
        return answerProxied(bytes.subarray(start, end), peer, out);
      }
      const length = answerInPlace?.(bytes, start, end, peer, out);
      return length ?? answer(bytes.subarray(start, end), peer, "udp", out, later);
    } catch (error) {
      log.error({ event: "udp-answer-failed", err: error });
      return 0;
    }
  };
}
