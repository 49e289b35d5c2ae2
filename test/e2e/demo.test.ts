import assert from "node:assert/strict";
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { edgeOf, type RunningDemo, startDemo } from "../support/demo.ts";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { fetchAt } from "../support/http.ts";
import { REPOSITORY, runProcess } from "../support/process.ts";
import { suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";

const HOST = "video.netcinema.test";

/** The promise of the README: `npm run demo` is ready within this time. */
const READY_MS_MAX = 60_000;

/** The promise for a dead edge at default settings. */
const FAILOVER_MS_MAX = 3_000;

/** Where the screen says a client is, and the PoP that it must be sent to. */
const PLACES: Readonly<Record<string, string>> = {
  Sydney: "syd",
  Germany: "fra",
  Virginia: "iad",
  Tokyo: "nrt",
  "Sao Paulo": "gru",
};

const noClone = existsSync(join(REPOSITORY, ".git"))
  ? false
  : "this folder is no git checkout that could be cloned";

describe("the demo of a clean clone", { skip: noClone }, () => {
  const scope = suiteScope();
  let clone: string;
  let demo: RunningDemo;

  before(async () => {
    clone = join(tempDir(scope), "meridian");
    const { code, stderr } = await runProcess({
      command: "git",
      args: ["clone", "--quiet", "--no-hardlinks", REPOSITORY, clone],
    });
    assert.equal(code, 0, stderr);
    symlinkSync(join(REPOSITORY, "node_modules"), join(clone, "node_modules"));
    demo = await startDemo(scope, clone);
  });

  /** Runs one line of the screen as it stands there, in a shell, in the clone. */
  async function paste(line: string): Promise<string> {
    const { code, stdout, stderr } = await runProcess({
      command: "bash",
      args: ["-c", line],
      cwd: clone,
    });
    assert.equal(code, 0, `${line}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** The commands on the screen that fit, in their order. */
  function printed(pattern: RegExp): string[] {
    const lines = demo.screen.split("\n").map((line) => line.trim());
    const found = lines.filter((line) => pattern.test(line));
    assert.ok(found.length > 0, `the screen has no line like ${pattern}:\n${demo.screen}`);
    return found;
  }

  async function onlyPrinted(pattern: RegExp): Promise<string> {
    const [line = ""] = printed(pattern);
    return paste(line);
  }

  function sydneyAnswer(): Promise<string[]> {
    const question = { server: demo.dns.host, port: demo.dns.port, name: HOST };
    return dig({ ...question, subnet: "129.94.0.0/24" }).then((answer) => answerData(answer, "A"));
  }

  it("is ready within a minute", (t) => {
    t.diagnostic(`ready after ${Math.round(demo.readyMs)} ms`);
    assert.ok(demo.readyMs < READY_MS_MAX);
  });

  it("prints dig lines that name the edge of each place", async () => {
    for (const line of printed(/^dig /)) {
      const place = /# (.+)$/.exec(line)?.[1] ?? "";
      const addresses = (await paste(line)).split("\n").filter((text) => /^[\d.]+$/.test(text));
      assert.equal(addresses[0], edgeOf(demo, PLACES[place] ?? place).http.host, line);
    }
  });

  it("prints curl lines of which the first misses and the second hits", async () => {
    const [first = "", second = ""] = printed(/^curl /);
    assert.match(
      await paste(first),
      /^cache-status: syd-1; fwd=uri-miss; fwd-status=200; stored/im,
    );
    assert.match(await paste(second), /^cache-status: syd-1; hit; ttl=\d+/im);
  });

  it("delivers the origin's bytes through every edge", async () => {
    const truth = await fetchAt(`http://${HOST}/poster.svg`, { at: demo.origin });
    assert.ok(truth.body.length > 0);
    for (const { name, http } of demo.edges) {
      const through = await fetchAt(`http://${HOST}/poster.svg`, { at: http });
      assert.deepEqual(through.body, truth.body, name);
    }
  });

  it("prints a purge that every edge has carried out when it returns", async () => {
    await onlyPrinted(/meridian -- purge /);
    for (const { name, http } of demo.edges) {
      const { fields } = await fetchAt(`http://${HOST}/poster.svg`, { at: http });
      const [, status] = fields.find(([field]) => field === "cache-status") ?? [];
      assert.doesNotMatch(status ?? "", /; hit/, name);
    }
  });

  it("prints a drain that takes Sydney out of DNS, and an undrain that puts it back", async () => {
    const sydney = edgeOf(demo, "syd").http.host;
    await onlyPrinted(/meridian -- drain /);
    await eventually("drained", async () => assert.ok(!(await sydneyAnswer()).includes(sydney)));
    await onlyPrinted(/meridian -- undrain /);
    await eventually("undrained", async () => assert.equal((await sydneyAnswer())[0], sydney));
  });

  it("prints how to kill Sydney, and DNS names the next closest within 3 s", async (t) => {
    const sydney = edgeOf(demo, "syd").http.host;
    await onlyPrinted(/meridian -- demo stop-edge /);
    const killed = performance.now();
    await eventually("away", async () => assert.ok(!(await sydneyAnswer()).includes(sydney)));
    const awayMs = performance.now() - killed;
    assert.equal((await sydneyAnswer())[0], edgeOf(demo, "nrt").http.host);
    await onlyPrinted(/meridian -- demo start-edge /);
    const started = performance.now();
    await eventually("back", async () => assert.equal((await sydneyAnswer())[0], sydney));
    const backMs = performance.now() - started;
    t.diagnostic(
      `next closest after ${Math.round(awayMs)} ms, back after ${Math.round(backMs)} ms`,
    );
    assert.ok(awayMs < FAILOVER_MS_MAX);
  });

  it("prints commands that explain a decision and show everybody's state", async () => {
    assert.match(await onlyPrinted(/meridian -- explain dns /), /syd/);
    const status = await onlyPrinted(/meridian -- status/);
    for (const { name } of demo.edges) assert.match(status, new RegExp(`${name}.*up`));
  });

  it("ends with exit code 0 when it is told to", async () => {
    assert.deepEqual(await demo.child.stop(), { code: 0, signal: null });
  });
});
