import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, it } from "node:test";
import { listenTcp } from "../../common/listen.ts";
import { answerData, parseDig } from "./dig.ts";
import { eventually } from "./eventually.ts";
import { FakeClock } from "./fake-clock.ts";
import { exchangeRaw, fetchAt, parseResponseHead } from "./http.ts";
import { runProcess, startProcess } from "./process.ts";
import { atEnd } from "./scope.ts";

const DIG_OUTPUT = `
; <<>> DiG 9.18 <<>> @127.0.0.1 a.test
;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 4711
;; flags: qr aa rd; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1
;; WARNING: recursion requested but not available

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags:; udp: 1232
; CLIENT-SUBNET: 129.94.0.0/24/15
;; QUESTION SECTION:
;a.test.			IN	A

;; ANSWER SECTION:
a.test.		20	IN	CNAME	b.test.
b.test.		20	IN	A	127.0.10.1

;; Query time: 0 msec
`;

describe("test support", () => {
  it("reads status, flags, records and client subnet scope from dig", () => {
    const answer = parseDig(DIG_OUTPUT);
    assert.equal(answer.status, "NOERROR");
    assert.deepEqual(answer.flags, ["qr", "aa", "rd"]);
    assert.deepEqual(answer.subnet, { prefix: "129.94.0.0/24", scope: 15 });
    assert.deepEqual(answerData(answer, "A"), ["127.0.10.1"]);
    assert.deepEqual(answer.answer[0], {
      name: "a.test.",
      ttl: 20,
      type: "CNAME",
      data: "b.test.",
    });
    assert.deepEqual(answer.additional, []);
  });

  it("calls no answer TIMEOUT", () => {
    assert.equal(parseDig(";; no servers could be reached\n").status, "TIMEOUT");
  });

  it("runs the timers of a fake clock in order of their due times, each at its own moment", () => {
    const clock = new FakeClock(1_000);
    const seen: string[] = [];
    clock.after(20, () => seen.push(`b at ${clock.now()}`));
    clock.after(10, () => {
      seen.push(`a at ${clock.now()}`);
      clock.after(5, () => seen.push(`c at ${clock.now()}`));
    });
    clock.after(20, () => seen.push("d"));
    clock.after(15, () => seen.push("never"))();
    clock.advance(19);
    assert.deepEqual(seen, ["a at 1010", "c at 1015"]);
    clock.advance(1);
    assert.deepEqual(seen, ["a at 1010", "c at 1015", "b at 1020", "d"]);
    assert.equal(clock.pendingTimers, 0);
  });

  it("lets a fake clock's wall time jump without moving monotonic time", () => {
    const clock = new FakeClock(1_000);
    clock.jumpWall(50);
    assert.equal(clock.now(), 50);
    assert.equal(clock.monotonic(), 0);
    clock.advance(7);
    assert.equal(clock.now(), 57);
    assert.equal(clock.monotonic(), 7);
  });

  it("fails with the output of a child that ends before it is ready", async (t) => {
    const script = "console.error('this is why'); process.exit(3)";
    const child = startProcess(t, { command: process.execPath, args: ["-e", script] });
    await assert.rejects(child.waitForEvent("ready"), /ended before.*"code":3.*this is why/s);
  });

  it("gives the ready event of a child, and stops it with SIGTERM", async (t) => {
    const script = `
      process.on("SIGTERM", () => process.exit(0));
      console.error("noise");
      console.error(JSON.stringify({ event: "ready", port: 7 }));
      setInterval(() => {}, 1000);`;
    const child = startProcess(t, { command: process.execPath, args: ["-e", script] });
    const ready = await child.waitForEvent("ready");
    assert.equal(ready["port"], 7);
    assert.deepEqual(await child.stop(), { code: 0, signal: null });
    assert.equal(child.isRunning, false);
  });

  it("says so when a program does not exist", async () => {
    await assert.rejects(runProcess({ command: "/nonexistent/program" }), /could not be started/);
  });

  it("sends a request to another address than its URL names, and keeps raw bytes", async (t) => {
    const server = createServer((request, response) => {
      response.setHeader("X-Twice", ["1", "2"]);
      response.end(`host ${request.headers.host}`);
    });
    const at = await listenTcp(server, { host: "127.0.0.1", port: 0 }, "test");
    t.after(() => server.close());
    const fetched = await fetchAt("http://video.example/x?y", { at });
    assert.equal(fetched.body.toString(), "host video.example");
    assert.equal(fetched.field("x-twice"), "1, 2");
    const raw = await exchangeRaw(at, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const head = parseResponseHead(raw);
    assert.equal(head.status, 200);
    assert.deepEqual(head.fields.filter(([name]) => name === "x-twice").length, 2);
  });

  it("stops what was started last first, all of it, and reports a failure", async () => {
    const seen: string[] = [];
    let end: () => void | Promise<void> = () => assert.fail("nothing was registered");
    const scope = { after: (stop: () => void | Promise<void>) => void (end = stop) };
    atEnd(scope, () => void seen.push("folder"));
    atEnd(scope, () => Promise.reject(new Error("stuck")));
    atEnd(scope, () => void seen.push("process"));
    await assert.rejects(Promise.try(end), /stuck/);
    assert.deepEqual(seen, ["process", "folder"]);
  });

  it("gives up with the last reason", async () => {
    const attempt = () => assert.equal(1, 2);
    await assert.rejects(
      eventually("one is two", attempt, { withinMs: 60 }),
      /one is two.*1 !== 2/s,
    );
  });
});
