import { parentPort } from "node:worker_threads";
import { silentLogger } from "../../../common/log.ts";
import { listenUdp } from "../../../router-dns/transport/udp.ts";

// A thread with a native socket that it never closes.
const { address } = await listenUdp(
  { host: "127.0.0.1", port: 0 },
  {
    layer: "native",
    answer: (packet, _peer, _transport, out) => {
      out.set(packet);
      return packet.length;
    },
    log: silentLogger,
    proxyFrom: [],
    onBroken: () => undefined,
  },
);
parentPort?.postMessage(address, []);
