import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { runMeridian } from "../../support/process.ts";
import { atEnd } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startOrigin, startTestEdge } from "../harness.ts";
import { Tiers } from "../store/disk/tiers.ts";

const MIB = 2 ** 20;
const KIB = 1_024;

const aBody = (path: string, bytes: number) => path.repeat(bytes).slice(0, bytes);

test("a file system that is full takes what fits, and the edge serves on", async (t) => {
  const folder = join(tempDir(t), "disk");
  mkdirSync(folder);
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", folder]);
  if (mount.status !== 0) return t.skip(`no tmpfs can be mounted: ${String(mount.stderr)}`);
  atEnd(t, () => void spawnSync("umount", ["-l", folder]));
  const bytes = 100 * KIB;
  const origin = await startOrigin(t, (request, response) => {
    response.setHeader("cache-control", "max-age=1000");
    response.end(aBody(request.url ?? "", bytes));
  });
  const disk = { path: folder, bytes: 64 * MIB };
  const edge = await startTestEdge(t, { origins: [origin.url], disk, memoryBytes: 4 * MIB });
  // What waits to be written is bounded, so a fast client fills the disk no sooner than a slow one.
  const errors = () => edge.metric('meridian_edge_disk_errors_total{operation="write"');
  for (let i = 0; i < 300 || (await errors()) === 0; i += 1) {
    const { status, body } = await edge.get(`/${i}`);
    assert.equal(status, 200);
    assert.equal(body.toString(), aBody(`/${i}`, bytes));
    assert.ok(i < 20_000, "the disk never fills");
  }
  // It is tried again, with less room; what is asked for twice is worth a place in it.
  const written = () => edge.metric('meridian_edge_disk_writes_total{result="written"');
  const before = await written();
  await eventually(
    "writing works again",
    async () => {
      await edge.get("/again");
      await edge.get("/again", { method: "PURGE" });
      assert.ok((await written()) > before);
    },
    { withinMs: 30_000, everyMs: 300 },
  );
});

test("what is given for the disk is never exceeded", async (t) => {
  const folder = tempDir(t);
  const origin = await startOrigin(t, (request, response) => {
    response.setHeader("cache-control", "max-age=1000");
    response.end(aBody(request.url ?? "", 200 * KIB));
  });
  const bytes = 32 * MIB;
  const disk = { path: folder, bytes };
  const edge = await startTestEdge(t, { origins: [origin.url], disk, memoryBytes: 8 * MIB });
  let most = 0;
  for (let i = 0; i < 300; i += 1) {
    await edge.get(`/${i % 200}`);
    const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
    most = Math.max(
      most,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  }
  assert.ok(most <= bytes, `${most} bytes`);
  assert.ok(most > bytes / 2, `only ${most} bytes`);
});

test("a folder belongs to one edge at a time", async (t) => {
  const folder = tempDir(t);
  const options = { origins: ["http://127.0.0.1:1"], disk: { path: folder, bytes: 64 * MIB } };
  const edge = await startTestEdge(t, options);
  await assert.rejects(startTestEdge(t, options), /is in use by another edge/);
  const args = ["edge", "--listen", "127.0.0.1:0", "--origin", "http://127.0.0.1:1"];
  const other = await runMeridian([...args, "--disk", folder]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, /is in use by another edge/);
  await edge.daemon.stop(0);
  const next = await startTestEdge(t, options);
  await next.daemon.stop(0);
});

test("a folder that is not ours is left alone", async (t) => {
  const folder = tempDir(t);
  const start = () =>
    startTestEdge(t, {
      origins: ["http://127.0.0.1:1"],
      disk: { path: folder, bytes: 64 * MIB },
    });
  writeFileSync(join(folder, "thesis.txt"), "three years");
  await assert.rejects(start(), /is not empty and is no disk store/);
  const format = { format: "meridian-disk-store", version: 999, identity: "" };
  writeFileSync(join(folder, "format.json"), JSON.stringify(format));
  await assert.rejects(start(), /has format 999, this program writes format 1: move it away/);
  writeFileSync(join(folder, "format.json"), "{}");
  await assert.rejects(start(), /is not the one of a disk store/);
  assert.deepEqual(readdirSync(folder).sort(), ["format.json", "lock", "thesis.txt"]);
  const path = join(folder, "thesis.txt", "below");
  const impossible = { origins: ["http://127.0.0.1:1"], disk: { path, bytes: 64 * MIB } };
  await assert.rejects(startTestEdge(t, impossible), /cannot be used for the disk store: ENOTDIR/);
});

for (const code of ["EIO", "ENOSPC"] as const) {
  test(`${code} on writing: memory serves on, and later it is tried again`, async () => {
    const tiers = new Tiers();
    tiers.put("before", "a");
    await tiers.flush();
    const fault = { operation: "write", suffix: ".seg", code } as const;
    tiers.folder.faults.add(fault);
    tiers.put("during", "b");
    await tiers.flush();
    assert.ok((tiers.counts.get("error write") ?? 0) > 0);
    tiers.put("meanwhile", "c");
    assert.equal(tiers.counts.get("write off"), 1);
    assert.equal(await tiers.body("during"), "b", "memory has it");
    tiers.folder.faults.delete(fault);
    await tiers.clock.advanceAsync(5_000);
    tiers.put("after", "d");
    const next = await tiers.restart();
    assert.equal(await next.body("before"), "a");
    assert.equal(await next.body("during"), undefined);
    assert.equal(await next.body("after"), "d");
  });
}

test("what was replaced while nothing could be written does not come back", async () => {
  const tiers = new Tiers();
  tiers.put("k", "old");
  await tiers.flush();
  const fault = { operation: "write", suffix: ".seg", code: "EIO" } as const;
  tiers.folder.faults.add(fault);
  tiers.put("other", "x");
  await tiers.flush();
  tiers.put("k", "new");
  tiers.folder.faults.clear();
  assert.equal(await tiers.kill().body("k"), undefined);
});

test("what cannot be read is a miss, and is forgotten", async () => {
  const first = new Tiers();
  first.put("k", "old");
  const tiers = await first.restart();
  const fault = { operation: "read", suffix: ".seg", code: "EIO" } as const;
  tiers.folder.faults.add(fault);
  assert.equal(await tiers.body("k"), undefined);
  assert.equal(tiers.counts.get("error read"), 1);
  assert.equal(tiers.counts.get("evicted damaged"), 1);
  tiers.folder.faults.delete(fault);
  assert.equal(await tiers.kill().body("k"), undefined, "also after a start");
});

test("a purge that cannot be written down gives up what is stored rather than bring it back", async () => {
  for (const suffix of ["purges", ".notes"]) {
    const first = new Tiers();
    first.put("k", "old");
    const tiers = await first.restart();
    tiers.folder.faults.add({ operation: "write", suffix, code: "ENOSPC" });
    if (suffix === "purges") {
      tiers.store.purges.site("shop").purge({ kind: "all" }, { soft: false });
    } else tiers.store.remove("k", "purged");
    tiers.folder.faults.clear();
    assert.equal(await tiers.kill().body("k"), undefined, suffix);
  }
});

test("a disk that does not answer holds a request up for a second, no longer", async () => {
  const first = new Tiers();
  first.put("k", "old");
  const tiers = await first.restart();
  const open = tiers.store.load("k");
  assert.ok(open !== undefined);
  // Time passes before the system has read anything.
  tiers.clock.advance(1_000);
  assert.equal(await open, undefined);
  assert.equal(tiers.counts.get("load late"), 1);
});
