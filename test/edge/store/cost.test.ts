import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RunningProcess } from "../../support/process.ts";

/**
 * Stores objects in a process of its own and prints what it says it uses, and what it really uses.
 */
const PROGRAM = `
const { MemoryStore } = await import(new URL("memory-store.ts", process.argv[1]));
const { bodyText } = await import(new URL("body-text.ts", process.argv[1]));
const [bodyBytes, count, budget] = process.argv.slice(2).map(Number);
const used = () => { gc(); gc(); const m = process.memoryUsage(); return m.heapUsed + m.external; };
const store = new MemoryStore(budget);
const before = { real: used(), said: store.usage().bytes };
for (let i = 0; i < count; i += 1) {
  const fields = [];
  for (let f = 0; f < 12; f += 1) fields.push(["x-field-" + f, "value " + f + " of object " + i]);
  store.put({
    key: "shop shop.example/path/to/object/" + i, site: "shop",
    url: "http://shop.example/path/to/object/" + i, bodyBytes, reservedBytes: 0, generation: 0,
    chunks: bodyBytes === 0 ? [] : [Buffer.allocUnsafeSlow(bodyBytes)],
    response: { status: 200, fields, times: { requestTime: i, responseTime: i }, bodyBytes,
      method: "GET", varyOn: [], ruleTtlSeconds: undefined },
  });
}
// Every object is hit once: what is remembered for speed counts too, while it is awake.
for (let i = 0; i < count; i += 1) {
  store.lookup("shop shop.example/path/to/object/" + i).objects[0].chunks.forEach(bodyText);
}
const said = store.usage().bytes - before.said;
console.log(JSON.stringify({ real: used() - before.real, said }));
`;

suite("what an object costs", () => {
  const ROOMY = 2 ** 30;
  for (const { bodyBytes, count, budget, bytesMax } of [
    { bodyBytes: 0, count: 20_000, budget: ROOMY, bytesMax: 60_000 },
    { bodyBytes: 1_024, count: 20_000, budget: ROOMY, bytesMax: 60_000 },
    { bodyBytes: 50_000, count: 2_000, budget: ROOMY, bytesMax: 60_000 },
    // Most of them asleep: what the store is for, when there are many.
    { bodyBytes: 1_024, count: 40_000, budget: 110e6, bytesMax: 2_400 },
  ]) {
    const room = `${Math.round(budget / 2 ** 20)} MiB`;
    const name = `the estimate is honest for ${count} objects of ${bodyBytes} bytes in ${room}`;
    test(name, async (t) => {
      const store = new URL("../../../edge/store/", import.meta.url).href;
      const child = new RunningProcess({
        command: process.execPath,
        args: ["--expose-gc", "-e", PROGRAM, store, ...[bodyBytes, count, budget].map(String)],
      });
      t.after(async () => {
        await child.stop();
      });
      await child.exited;
      const { real, said } = JSON.parse(child.stdout.at(-1) ?? "") as Record<
        "real" | "said",
        number
      >;
      t.diagnostic(`${Math.round(real / count)} bytes each, said ${Math.round(said / count)}`);
      // Never more than a fifth too low, and not so high that half of the memory stays empty.
      assert.ok(said > 0.8 * real, `said ${said}, real ${real}`);
      assert.ok(said < 1.6 * real, `said ${said}, real ${real}`);
      assert.ok(real / count < bytesMax);
    });
  }
});
