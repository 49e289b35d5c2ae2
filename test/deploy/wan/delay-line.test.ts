import assert from "node:assert/strict";
import { test } from "node:test";
import { DelayLine } from "../../../deploy/wan/delay-line.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function aLine(options: { readonly openAtMs?: number; readonly accept?: () => boolean } = {}) {
  const clock = new FakeClock();
  const arrived: [string, number][] = [];
  const { accept = () => true, ...rest } = options;
  const line = new DelayLine<string>({
    ...rest,
    clock,
    delayMs: 100,
    deliver: (item) => {
      arrived.push([item, clock.monotonic()]);
      return accept();
    },
  });
  return { clock, line, arrived };
}

test("everything arrives in order, the delay later", () => {
  const { clock, line, arrived } = aLine();
  line.push("a", 1);
  clock.advance(30);
  line.push("b", 2);
  line.push("c", 3);
  assert.equal(line.bytes, 6);
  clock.advance(69);
  assert.deepEqual(arrived, []);
  clock.advance(500);
  assert.deepEqual(arrived, [
    ["a", 100],
    ["b", 130],
    ["c", 130],
  ]);
  assert.equal(line.bytes, 0);
  assert.equal(clock.pendingTimers, 0);
});

test("what is sent while the connection opens leaves when it is open", () => {
  const { clock, line, arrived } = aLine({ openAtMs: 200 });
  line.push("early", 1);
  clock.advance(250);
  line.push("late", 1);
  clock.advance(500);
  assert.deepEqual(arrived, [
    ["early", 300],
    ["late", 350],
  ]);
});

test("a receiver that is full gets nothing until it says so", () => {
  const { clock, line, arrived } = aLine({ accept: () => false });
  for (const item of ["a", "b", "c"]) line.push(item, 10);
  clock.advance(100);
  assert.deepEqual(arrived, [["a", 100]]);
  assert.equal(line.bytes, 20);
  clock.advance(1000);
  assert.equal(arrived.length, 1);
  line.resume();
  assert.deepEqual(arrived[1], ["b", 1100]);
  line.push("d", 10);
  clock.advance(1000);
  assert.equal(arrived.length, 2);
});

test("what is on the way when the line is cut never arrives", () => {
  const { clock, line, arrived } = aLine();
  line.push("a", 1);
  line.cut();
  clock.advance(1000);
  assert.deepEqual(arrived, []);
  assert.equal(line.bytes, 0);
  assert.equal(clock.pendingTimers, 0);
});
