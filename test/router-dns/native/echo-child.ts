import { silentLogger } from "../../../common/log.ts";
import { loadLayer } from "../../../router-dns/native/layer.ts";
import { listenInBatches } from "../../../router-dns/transport/udp-batch.ts";

// A process that gives every datagram back through the layer that is named, and says on SIGTERM
// which errors it has counted: for tests that load another library, or a sanitizer, into it.
const [layer = ""] = process.argv.slice(2);
const loaded = loadLayer(layer);
if (!loaded.ok) throw new Error(loaded.error);
const options = {
  answer: (packet: Uint8Array, _peer: Uint8Array, _transport: string, out: Uint8Array) => {
    out.set(packet);
    return packet.length;
  },
  log: silentLogger,
  proxyFrom: [],
  onBroken: () => undefined,
};
const listeners = ["127.0.0.1", "::1"].flatMap((host) => {
  try {
    return [listenInBatches({ host, port: 0 }, options, loaded.value)];
  } catch (error) {
    process.stderr.write(`${String(error)}\n`);
    return [];
  }
});
process.stdout.write(`${JSON.stringify(listeners.map(({ address }) => address))}\n`);
process.on("SIGTERM", () => {
  process.stdout.write(`${JSON.stringify(listeners.map((listener) => listener.errors()))}\n`);
  for (const listener of listeners) listener.close().catch(console.error);
});
