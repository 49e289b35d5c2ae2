import type { SocketAddress } from "../../common/address.ts";
import { ListenError } from "../../common/listen.ts";
import { chooseUdpLayer } from "../native/layer.ts";
import { listenInBatches } from "./udp-batch.ts";
import { listenDgram } from "./udp-dgram.ts";
import type { UdpListener, UdpOptions } from "./udp-listener.ts";

/**
 * Listens for DNS over UDP (RFC 1035 section 4.2.1) and answers each packet at once. No packet ends
 * it: what cannot be answered is dropped. Rejects with a ListenError if the port cannot be bound,
 * or if the native layer has to serve and cannot.
 *
 * On a wildcard address of a machine with several addresses the kernel picks the source of answers:
 * list the addresses instead.
 */
export async function listenUdp(listen: SocketAddress, options: UdpOptions): Promise<UdpListener> {
  const { layer = "auto", log } = options;
  const loaded = chooseUdpLayer(layer);
  if (loaded.ok) return listenInBatches(listen, options, loaded.value);
  if (layer === "native") {
    throw new ListenError("DNS over UDP", listen, new Error(loaded.error));
  }
  log.info({ event: "udp-layer", layer: "dgram", reason: loaded.error });
  return listenDgram(listen, options);
}
