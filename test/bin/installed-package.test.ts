import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { before, describe, it } from "node:test";
import { oldNode } from "../support/old-node.ts";
import { REPOSITORY, runProcess } from "../support/process.ts";
import { suiteScope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";

const manifest = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as {
  version: string;
};

/** The npm that runs this, or the first in PATH; one of our dependencies brings a very old one. */
function npm(...args: readonly string[]): ReturnType<typeof runProcess> {
  const running = process.env["npm_execpath"];
  if (running === undefined) return runProcess({ command: "npm", args });
  return runProcess({ command: process.execPath, args: [running, ...args] });
}

describe("the package as npm installs it", () => {
  const scope = suiteScope();
  let installed: string;

  before(async () => {
    const dir = tempDir(scope);
    const pack = await npm("pack", "--ignore-scripts", "--pack-destination", dir);
    assert.equal(pack.code, 0, pack.stderr);
    const tarball = pack.stdout.trim().split("\n").at(-1) ?? "";
    const untar = await runProcess({ command: "tar", args: ["-xzf", tarball], cwd: dir });
    assert.equal(untar.code, 0, untar.stderr);
    // What `npm install` makes: the package below node_modules, its dependencies beside it.
    const modules = join(dir, "app", "node_modules");
    mkdirSync(modules, { recursive: true });
    installed = join(modules, "meridian");
    renameSync(join(dir, "package"), installed);
    symlinkSync(join(REPOSITORY, "node_modules"), join(installed, "node_modules"));
  });

  function run(args: readonly string[], node = process.execPath, env = {}) {
    const program = join(installed, "bin", "meridian.mjs");
    return runProcess({ command: node, args: [program, ...args], cwd: dirname(installed), env });
  }

  it("brings what it needs, and neither tests nor the workshop", () => {
    for (const file of ["LICENSE", "README.md", "control/console/index.html", "deploy/demo"]) {
      assert.ok(existsSync(join(installed, file)), `${file} is missing`);
    }
    for (const file of ["test", "bench", ".ci", "node_modules/.package-lock"]) {
      assert.ok(!existsSync(join(installed, file)), `${file} is in the package`);
    }
  });

  it("runs below node_modules, where Node itself strips no types", async () => {
    const version = await run(["--version"]);
    assert.equal(version.code, 0, version.stderr);
    assert.equal(version.stdout.trim(), manifest.version);
    const help = await run(["edge", "--help"]);
    assert.match(help.stdout, /--origin <url>/);
  });

  it("passes on the exit code of bad usage", async () => {
    const unknown = await run(["no-such-command"]);
    assert.equal(unknown.code, 2, unknown.stderr);
  });

  it("checks a configuration outside its own folder", async () => {
    const file = join(dirname(installed), "cdn.yaml");
    writeFileSync(file, readFileSync(join(installed, "deploy/demo/demo.yaml")));
    const zones = join(dirname(installed), "zones");
    symlinkSync(join(installed, "deploy/demo/zones"), zones);
    const check = await run(["config", "check", file]);
    assert.equal(check.code, 0, check.stderr);
  });

  const old = oldNode();
  const why = old === undefined ? "this machine has no Node older than ours" : false;
  it("started with an old Node, finds the one that it brought along", { skip: why }, async () => {
    const version = await run(["--version"], old);
    assert.equal(version.code, 0, version.stderr);
    assert.equal(version.stdout.trim(), manifest.version);
    const unknown = await run(["no-such-command"], old);
    assert.equal(unknown.code, 2, unknown.stderr);
  });

  it("started with an old Node that has nothing else, says what to do", { skip: why }, async () => {
    const lonely = join(tempDir(scope), "meridian");
    mkdirSync(join(lonely, "bin"), { recursive: true });
    const program = join(lonely, "bin", "meridian.mjs");
    writeFileSync(program, readFileSync(join(installed, "bin", "meridian.mjs")));
    const { code, stderr } = await runProcess({ command: old ?? "", args: [program] });
    assert.equal(code, 2);
    assert.match(stderr, /needs Node 24 or newer; this is v\d+\..*npm ci/s);
  });
});
