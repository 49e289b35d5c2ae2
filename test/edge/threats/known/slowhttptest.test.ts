import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { findProgram } from "../../../support/peers.ts";
import { RunningProcess } from "../../../support/process.ts";
import { startOrigin, startTestEdge } from "../../harness.ts";

/** Named as peers.ts looks for it. */
const BINARY = "slowhttptest";

/** How many slow clients there are, and for how many seconds. */
const CROWD = ["-c", "100", "-r", "100", "-l", "3"];

/** Its own idea of an edge that answers: a probe within so many seconds. */
const PROBE = ["-p", "10"];

const ATTACKS = [
  ["slow heads (Slowloris)", ["-H", "-i", "1"]],
  ["slow bodies (R-U-Dead-Yet)", ["-B", "-i", "1", "-s", "8192"]],
  ["slow reads", ["-X", "-n", "1", "-z", "8", "-w", "128", "-y", "256", "-k", "3"]],
  ["ranges that overlap (CVE-2011-3192)", ["-R", "-t", "HEAD", "-a", "10", "-b", "3000"]],
] as const;

suite("threat: what slowhttptest does", { skip: absent() }, () => {
  for (const [title, args] of ATTACKS) {
    test(`${title}: others are served, and it says so itself`, async (t) => {
      const origin = await startOrigin(t, (request, response) => {
        response.setHeader("cache-control", "max-age=600");
        request.resume().on("end", () => response.end(Buffer.alloc(200_000, "a")));
      });
      const edge = await startTestEdge(t, { origins: [origin.url], anyHost: true });
      const url = `http://127.0.0.1:${edge.at.port}/`;
      const attack = new RunningProcess({
        command: BINARY,
        args: [...args, ...CROWD, ...PROBE, "-u", url],
      });
      t.after(() => attack.stop());
      let served = 0;
      while (attack.isRunning) {
        const { status, body } = await edge.get("/");
        assert.equal(status, 200);
        assert.equal(body.length, 200_000);
        served += 1;
      }
      await attack.exited;
      const said = stripVTControlCharacters(attack.stdout.join("\n"));
      assert.match(said, /service available: +YES/, said);
      assert.doesNotMatch(said, /service available: +NO/, said);
      assert.ok(served > 0);
    });
  }
});

/** Why there is nothing to run, or false. */
function absent(): string | false {
  return findProgram(BINARY) === undefined && `${BINARY} is not installed`;
}
