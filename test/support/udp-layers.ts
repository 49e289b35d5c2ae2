import { chooseUdpLayer } from "../../router-dns/native/layer.ts";

/** What can serve UDP here, each with the reason why a test has to leave it out, or false. */
export const UDP_LAYERS = (["native", "dgram"] as const).map((layer) => ({
  layer,
  skip: layer === "native" ? nativeProblem() : (false as const),
}));

function nativeProblem(): string | false {
  const loaded = chooseUdpLayer("native");
  return loaded.ok ? false : loaded.error;
}
