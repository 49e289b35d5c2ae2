import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { silentLogger } from "../../../common/log.ts";
import type { Encode, EncodingTask } from "../../../edge/coding/encode.ts";
import {
  EncodingJobs,
  JOB_MS_MAX,
  JOBS_BYTES_MAX,
  JOBS_MAX,
  RUNNING_MAX,
} from "../../../edge/coding/encoding-jobs.ts";
import { MemoryStore } from "../../../edge/store/memory-store.ts";
import { type CacheObject, type NewObject, partKey } from "../../../edge/store/store.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { aStored } from "../build.ts";

const MIB = 2 ** 20;

/** An encoder whose tasks end when a test says so. */
class HeldEncoder {
  readonly tasks: {
    readonly task: EncodingTask;
    readonly settle: (result: Buffer[] | undefined | Error) => void;
  }[] = [];

  readonly encode: Encode = (task) =>
    new Promise((resolve, reject) => {
      task.signal.addEventListener("abort", () => reject(new Error("aborted")));
      this.tasks.push({
        task,
        settle: (result) => (result instanceof Error ? reject(result) : resolve(result)),
      });
    });

  async settle(index: number, result: Buffer[] | undefined | Error): Promise<void> {
    this.tasks[index]?.settle(result);
    await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function setUp(bytesMax = 64 * MIB) {
  const store = new MemoryStore(bytesMax);
  const clock = new FakeClock();
  const encoder = new HeldEncoder();
  const ended: string[] = [];
  const jobs = new EncodingJobs({
    store,
    clock,
    log: silentLogger,
    encode: encoder.encode,
    onEnd: (coding, result) => ended.push(`${coding} ${result}`),
  });
  const put = (key: string, bodyBytes = 1_000, others: Partial<NewObject> = {}): CacheObject => {
    const object = store.put({
      key,
      site: "shop",
      url: `http://shop.example/${key}`,
      response: aStored(["cache-control: max-age=60"], { bodyBytes }),
      chunks: [Buffer.alloc(bodyBytes, "x")],
      bodyBytes,
      generation: store.purges.generation,
      reservedBytes: 0,
      ...others,
    });
    assert.ok(object !== undefined);
    return object;
  };
  const formOf = (object: CacheObject, coding: string) =>
    store.lookup(partKey(object.id, coding))?.objects[0];
  return { store, clock, encoder, ended, jobs, put, formOf };
}

const RESULT = [Buffer.from("short"), Buffer.from("er")];

suite("encoding jobs", () => {
  test("a thousand ask, one job works, and all are told once", async () => {
    const { jobs, put, encoder, ended, formOf } = setUp();
    const object = put("shop a/");
    let told = 0;
    for (let i = 0; i < 1_000; i += 1) {
      jobs.want(object, "br")?.onOver(() => {
        told += 1;
      });
    }
    await turn();
    assert.equal(encoder.tasks.length, 1);
    assert.equal(told, 0);
    await encoder.settle(0, RESULT);
    assert.equal(told, 1_000);
    assert.deepEqual(ended, ["br encoded"]);
    const form = formOf(object, "br");
    assert.equal(Buffer.concat(form?.chunks ?? []).toString(), "shorter");
    assert.equal(form?.bodyBytes, 7);
    assert.equal(formOf(object, "gzip"), undefined);
  });

  test("a few work at a time, the others in the order in which they were asked for", async () => {
    const { jobs, put, encoder } = setUp();
    const objects = Array.from({ length: 5 }, (_, i) => put(`shop a/${i}`));
    const made = objects.map((object) => jobs.want(object, "gzip"));
    await turn();
    const worked = () => encoder.tasks.map(({ task }) => objects.findIndex(isOf(task)));
    assert.deepEqual(worked(), [0, 1]);
    assert.equal(RUNNING_MAX, 2);
    assert.notEqual(made[1]?.startedAt, undefined);
    assert.equal(made[2]?.startedAt, undefined);
    await encoder.settle(1, RESULT);
    assert.deepEqual(worked(), [0, 1, 2]);
    await encoder.settle(0, RESULT);
    assert.deepEqual(worked(), [0, 1, 2, 3]);
  });

  test("beyond a number of jobs, or of bytes, nothing more is taken on", async () => {
    const many = setUp();
    for (let i = 0; i < JOBS_MAX; i += 1) {
      assert.ok(many.jobs.want(many.put(`shop a/${i}`), "zstd") !== undefined);
    }
    assert.equal(many.jobs.want(many.put("shop a/more"), "zstd"), undefined);
    assert.deepEqual(many.ended, ["zstd busy"]);
    await turn();
    await many.encoder.settle(0, RESULT);
    assert.ok(many.jobs.want(many.put("shop a/more"), "zstd") !== undefined);

    const large = setUp(512 * MIB);
    const objects = Array.from({ length: 5 }, (_, i) => large.put(`shop a/${i}`, 16 * MIB));
    const taken = objects.map((object) => large.jobs.want(object, "zstd") !== undefined);
    assert.deepEqual(taken, [true, true, true, true, false]);
    assert.equal(JOBS_BYTES_MAX, 64 * MIB);
  });

  test("what would not be shorter, and what failed, is remembered as a form without bytes", async () => {
    const { jobs, put, encoder, ended, formOf } = setUp();
    const [one, other] = [put("shop a/1"), put("shop a/2")];
    jobs.want(one, "zstd");
    jobs.want(other, "zstd");
    await turn();
    await encoder.settle(0, undefined);
    await encoder.settle(1, new Error("no memory"));
    assert.deepEqual(ended, ["zstd not_smaller", "zstd failed"]);
    assert.equal(formOf(one, "zstd")?.bodyBytes, 0);
    assert.equal(formOf(other, "zstd")?.bodyBytes, 0);
  });

  test("an encoder that does not end is given up, and holds up nobody after that", async () => {
    const { jobs, put, encoder, ended, clock, formOf } = setUp();
    const objects = [put("shop a/1"), put("shop a/2"), put("shop a/3")] as const;
    for (const object of objects) jobs.want(object, "br");
    await turn();
    assert.equal(encoder.tasks.length, 2);
    await clock.advanceAsync(JOB_MS_MAX - 1);
    assert.equal(encoder.tasks.length, 2);
    await clock.advanceAsync(1);
    assert.deepEqual(ended, ["br failed", "br failed"]);
    assert.equal(formOf(objects[0], "br")?.bodyBytes, 0);
    assert.equal(encoder.tasks.length, 3, "the next has its turn");
  });

  test("of an object that has left the store meanwhile nothing is kept", async () => {
    const { jobs, put, encoder, ended, formOf, store } = setUp();
    const gone = put("shop a/1");
    const replaced = put("shop a/2");
    const waiting = put("shop a/3");
    for (const object of [gone, replaced, waiting]) jobs.want(object, "br");
    await turn();
    store.remove("shop a/1", "purged");
    const fresh = put("shop a/2");
    store.remove("shop a/3", "purged");
    const { bytes } = store.usage();
    await encoder.settle(0, RESULT);
    await encoder.settle(1, RESULT);
    assert.deepEqual(ended, ["br dropped", "br dropped", "br dropped"]);
    assert.equal(encoder.tasks.length, 2, "the third did not begin");
    for (const object of [gone, replaced, fresh]) assert.equal(formOf(object, "br"), undefined);
    assert.ok(store.usage().bytes < bytes, "what was held and reserved is given back");
  });

  test("a 304 keeps the body, and so its form", async () => {
    const { jobs, put, encoder, formOf, store } = setUp();
    const object = put("shop a/1");
    jobs.want(object, "br");
    await turn();
    const confirmed = store.update(object, aStored(["cache-control: max-age=90"]));
    assert.ok(confirmed !== undefined);
    await encoder.settle(0, RESULT);
    assert.equal(formOf(confirmed, "br")?.bodyBytes, 7);
  });

  test("a body whose readers are cut off is not encoded further", async () => {
    const { jobs, put, encoder, ended, store } = setUp(4 * MIB);
    const object = put("shop a/1", 900_000);
    jobs.want(object, "br");
    await turn();
    store.remove("shop a/1", "invalidated");
    const cut: string[] = [];
    store.pin(1_200_000, () => cut.push("another reader"));
    await turn();
    assert.deepEqual(ended, ["br dropped"]);
    assert.equal(encoder.tasks[0]?.task.signal.aborted, true);
  });

  test("without room for the result nothing is begun, and it may be tried again", async () => {
    const { jobs, put, encoder, ended, store } = setUp(4 * MIB);
    const object = put("shop a/1", 500_000);
    assert.ok(store.reserve(1_900_000), "bodies that arrive");
    jobs.want(object, "br");
    await turn();
    assert.deepEqual(ended, ["br busy"]);
    assert.equal(encoder.tasks.length, 0);
    store.release(1_900_000);
    jobs.want(object, "br");
    await turn();
    assert.equal(encoder.tasks.length, 1);
  });

  test("what a slower tier has kept is not made again", async () => {
    const { clock, encoder, put, store } = setUp();
    const object = put("shop a/1");
    const asked: string[] = [];
    const kept = store.lookup("shop a/1");
    const slower = Object.create(store, {
      load: {
        value: (key: string) => {
          asked.push(key);
          return Promise.resolve(kept);
        },
      },
      lookup: { value: (key: string) => store.lookup(key) },
      read: { value: () => () => {} },
    }) as MemoryStore;
    const ended: string[] = [];
    const jobs = new EncodingJobs({
      store: slower,
      clock,
      log: silentLogger,
      encode: encoder.encode,
      onEnd: (_coding, result) => ended.push(result),
    });
    let isOver = false;
    jobs.want(object, "br")?.onOver(() => {
      isOver = true;
    });
    await turn();
    assert.deepEqual(asked, [partKey(object.id, "br")]);
    assert.equal(isOver, true);
    assert.deepEqual([encoder.tasks.length, ended.length], [0, 0]);
  });

  test("stopping gives all jobs up", async () => {
    const { jobs, put, ended } = setUp();
    for (let i = 0; i < 4; i += 1) jobs.want(put(`shop a/${i}`), "br");
    await turn();
    jobs.stop();
    await turn();
    await turn();
    assert.deepEqual(
      ended,
      Array.from({ length: 4 }, () => "br dropped"),
    );
  });
});

function isOf(task: EncodingTask): (object: CacheObject) => boolean {
  return ({ chunks }) => chunks === task.chunks;
}
