import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemClock } from "../../common/clock.ts";
import { LOGGED_CHARS_MAX } from "../../common/config/access-log.ts";
import { parseIp } from "../../common/ip.ts";
import { silentLogger } from "../../common/log.ts";
import { type LineFate, LogFile, LogFileError, logFileOf } from "../../common/log-file.ts";
import { anonymousIp, combinedText, jsonText } from "../../common/log-text.ts";
import { Sampler } from "../../common/sampler.ts";
import { eventually } from "../support/eventually.ts";
import { runProcess } from "../support/process.ts";
import { tempDir } from "../support/temp-dir.ts";

const STOP_MS = 10_000;

function counted() {
  const fates: Record<LineFate, number> = { written: 0, dropped: 0, failed: 0 };
  const count = (fate: LineFate, lines: number) => {
    fates[fate] += lines;
  };
  return { fates, count };
}

function openLog(to: string) {
  const { fates, count } = counted();
  const file = new LogFile({ to, clock: systemClock, log: silentLogger, count });
  return { file, fates };
}

describe("a log file", () => {
  it("has every line that was added, in order, once it has stopped", async (t) => {
    const to = join(tempDir(t), "a.log");
    const { file, fates } = openLog(to);
    const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i} ${"x".repeat(i % 90)}\n`);
    for (const line of lines) file.add(line);
    await file.stop(STOP_MS);
    assert.equal(readFileSync(to, "utf8"), lines.join(""));
    assert.deepEqual(fates, { written: lines.length, dropped: 0, failed: 0 });
  });

  it("is added to, not begun anew", async (t) => {
    const to = join(tempDir(t), "a.log");
    for (const line of ["one\n", "two\n"]) {
      const { file } = openLog(to);
      file.add(line);
      await file.stop(STOP_MS);
    }
    assert.equal(readFileSync(to, "utf8"), "one\ntwo\n");
  });

  it("shows a line soon, without being full or stopped", async (t) => {
    const to = join(tempDir(t), "a.log");
    const { file } = openLog(to);
    file.add("alone\n");
    await eventually("the line", () => assert.equal(readFileSync(to, "utf8"), "alone\n"));
    await file.stop(STOP_MS);
  });

  it("goes on in a new file when the old one has been moved away", async (t) => {
    const to = join(tempDir(t), "a.log");
    const { file, fates } = openLog(to);
    file.add("old\n");
    await eventually("the line", () => assert.equal(readFileSync(to, "utf8"), "old\n"));
    renameSync(to, `${to}.1`);
    await file.reopen();
    file.add("new\n");
    await file.stop(STOP_MS);
    assert.equal(readFileSync(`${to}.1`, "utf8"), "old\n");
    assert.equal(readFileSync(to, "utf8"), "new\n");
    assert.equal(fates.written, 2);
  });

  it("loses and doubles nothing while it is reopened under load", async (t) => {
    const to = join(tempDir(t), "a.log");
    const { file } = openLog(to);
    const expected: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      for (let i = 0; i < 5_000; i += 1) {
        const line = `${round} ${i} ${"y".repeat(40)}\n`;
        expected.push(line);
        file.add(line);
      }
      renameSync(to, `${to}.${round}`);
      await file.reopen();
    }
    await file.stop(STOP_MS);
    const files = [...Array.from({ length: 5 }, (_, round) => `${to}.${round}`), to];
    assert.equal(files.map((each) => readFileSync(each, "utf8")).join(""), expected.join(""));
  });

  it("drops lines and counts them while nobody reads, and goes on afterwards", async (t) => {
    const to = join(tempDir(t), "pipe");
    await runProcess({ command: "mkfifo", args: [to] }, STOP_MS);
    // Somebody has it open, and does not read: a disk that hangs.
    const holder = openSync(to, constants.O_RDONLY | constants.O_NONBLOCK);
    const { file, fates } = openLog(to);
    const line = `${"z".repeat(1_023)}\n`;
    const began = performance.now();
    for (let i = 0; i < 20_000; i += 1) file.add(line);
    assert.ok(performance.now() - began < STOP_MS, "adding lines has waited");
    assert.ok(fates.dropped > 8_000, `${fates.dropped} dropped`);
    assert.equal(fates.written, 0);
    let bytes = 0;
    const reader = spawn("cat", [to], { stdio: ["ignore", "pipe", "ignore"] });
    t.after(() => reader.kill());
    reader.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await eventually("all others are written", () => {
      assert.equal(fates.written + fates.dropped, 20_000);
      assert.equal(bytes, fates.written * line.length);
    });
    await file.stop(STOP_MS);
    closeSync(holder);
  });

  it("says at once that it cannot be opened", (t) => {
    assert.throws(() => openLog(join(tempDir(t), "no/such/folder.log")), LogFileError);
  });

  it("counts lines that a full disk has not taken", async () => {
    const { file, fates } = openLog("/dev/full");
    file.add("lost\n");
    await file.stop(STOP_MS);
    assert.deepEqual(fates, { written: 0, dropped: 0, failed: 1 });
  });

  it("is named after its daemon if that is asked for", () => {
    assert.equal(logFileOf("/var/log/{name}.log", "syd-1"), "/var/log/syd-1.log");
  });
});

describe("text in a log", () => {
  const NASTY = 'a"b\\c\r\n{"status":200}\u0000\u001b[2J\u007f\u009b\u00e9';

  it("is a JSON string of printable ASCII that gives back what was sent", () => {
    const text = jsonText(NASTY);
    assert.match(text, /^[ -~]*$/);
    assert.equal(JSON.parse(text), NASTY);
  });

  it("is escaped as nginx does in the combined format", () => {
    const escaped = "a\\x22b\\x5Cc\\x0D\\x0A{\\x22status\\x22:200}\\x00\\x1B[2J\\x7F\\x9B\\xE9";
    assert.equal(combinedText(NASTY), escaped);
    assert.equal(combinedText(""), "-");
    assert.equal(combinedText(undefined), "-");
  });

  it("is cut", () => {
    assert.equal(jsonText("x".repeat(10_000)).length, LOGGED_CHARS_MAX + 2);
    assert.equal(combinedText("x".repeat(10_000)).length, LOGGED_CHARS_MAX);
  });

  it("has networks instead of addresses", () => {
    const hidden = (text: string) => {
      const bytes = parseIp(text);
      return bytes.ok ? [...anonymousIp(bytes.value)] : undefined;
    };
    assert.deepEqual(hidden("192.0.2.77"), [192, 0, 2, 0]);
    assert.deepEqual(hidden("2001:db8:1:2::3")?.slice(0, 8), [0x20, 1, 0xd, 0xb8, 0, 1, 0, 0]);
  });
});

describe("a sampler", () => {
  it("takes about the part that is asked for, all, or nothing", () => {
    const sampler = new Sampler(1);
    const taken = (fraction: number) =>
      Array.from({ length: 10_000 }, () => sampler.takes(fraction)).filter(Boolean).length;
    assert.equal(taken(1), 10_000);
    assert.equal(taken(0), 0);
    const tenth = taken(0.1);
    assert.ok(tenth > 800 && tenth < 1_200, `${tenth} of 10,000`);
  });
});
