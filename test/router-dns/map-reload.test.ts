import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { tempDir } from "../support/temp-dir.ts";
import { edgeConfig, siteConfig, startTestRouter } from "./support.ts";

const POPS = [
  {
    name: "syd",
    location: [-33.87, 151.21] as [number, number],
    edges: [edgeConfig("s", "127.0.0.1")],
  },
  {
    name: "fra",
    location: [50.11, 8.68] as [number, number],
    edges: [edgeConfig("f", "127.0.0.2")],
  },
];

/** Two looks and a build, on a machine with other things to do. */
const SLOW = { withinMs: 30_000 };

test("coverage that changes is in force within seconds, and one with a mistake changes nothing", async (t) => {
  const file = join(tempDir(t), "coverage.yaml");
  const write = (text: string) => {
    // As tools do it: written aside and put in place whole.
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  write("129.94.0.0/16: fra\n");
  const { router, dns } = await startTestRouter(t, {
    pops: POPS,
    coverageFile: file,
    sites: [siteConfig("netcinema")],
    probe: { kind: "none" },
  });
  const ask = async () => {
    const { host: server, port } = dns;
    const options = ["+subnet=129.94.0.0/24"];
    const name = "netcinema.kingcdn.test";
    return answerData(await dig({ server, port, name, type: "A", options }), "A")[0];
  };
  const { host, port } = router.addresses["admin"] ?? { host: "", port: 0 };
  const problems = async () => {
    const text = await (await fetch(`http://${host}:${port}/metrics`)).text();
    return /^meridian_dns_map_problems (\d+)$/m.exec(text)?.[1];
  };
  assert.equal(await ask(), "127.0.0.2");
  assert.equal(await problems(), "0");
  write("129.94.0.0/16: syd\n");
  await eventually(
    "the new coverage counts",
    async () => assert.equal(await ask(), "127.0.0.1"),
    SLOW,
  );
  write("129.94.0.0/16: nowhere\n");
  await eventually("the mistake is seen", async () => assert.equal(await problems(), "1"), SLOW);
  assert.equal(await ask(), "127.0.0.1");
  write("129.94.0.0/16: fra\n");
  await eventually("it is mended", async () => assert.equal(await ask(), "127.0.0.2"), SLOW);
  assert.equal(await problems(), "0");
});
