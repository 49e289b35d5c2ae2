// Says clearly which Node is needed, before anything that an older one cannot read is loaded.
// Plain JavaScript that old versions can read too.
import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const majorMin = Number(manifest.engines.node.replace(">=", ""));
if (Number(process.versions.node.split(".")[0]) < majorMin) {
  process.stderr.write(
    `The tests need Node ${majorMin} or newer; this is ${process.version}.\n` +
      "Run `npm ci`, which brings the right one along, and then `npm test`.\n",
  );
  process.exit(2);
}
