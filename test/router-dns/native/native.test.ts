import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import type { SocketAddress } from "../../../common/address.ts";
import { chooseUdpLayer, loadLayer } from "../../../router-dns/native/layer.ts";
import type { UdpErrors } from "../../../router-dns/transport/udp-listener.ts";
import { fuzzSeed, Seeded } from "../../fuzz/seeded.ts";
import { eventually } from "../../support/eventually.ts";
import { isPortFree } from "../../support/free-port.ts";
import { REPOSITORY, startProcess } from "../../support/process.ts";
import type { Scope } from "../../support/scope.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { UDP_LAYERS } from "../../support/udp-layers.ts";

const NATIVE = join(REPOSITORY, "router-dns", "native");
const BUILT = join(NATIVE, "build", "udp.node");
const HERE = join(REPOSITORY, "test", "router-dns", "native");
const skip = UDP_LAYERS.find(({ layer }) => layer === "native")?.skip ?? false;

/** Compiles C into a folder that goes away, or gives the compiler's words. */
function compile(scope: Scope, source: string, options: readonly string[]) {
  const output = join(tempDir(scope), "out.node");
  const include = createRequire(import.meta.url)("node-api-headers").include_dir as string;
  const common = ["-std=gnu11", "-shared", "-fPIC", `-I${include}`, source, "-o", output];
  const { status, stderr, error } = spawnSync("cc", [...options, ...common], { encoding: "utf8" });
  return status === 0
    ? ({ ok: true, value: output } as const)
    : ({ ok: false, error: stderr || String(error) } as const);
}

/** Starts a process that echoes through a layer; gives where, and how to hear what it counted. */
async function startEcho(scope: Scope, layer: string, env: Readonly<Record<string, string>>) {
  const args = [join(HERE, "echo-child.ts"), layer];
  const child = startProcess(scope, { command: process.execPath, args, env });
  const addresses = await child.waitForLine("stdout", (line) => JSON.parse(line) as Addresses);
  const finish = async () => {
    const exit = await child.stop();
    assert.deepEqual(exit, { code: 0, signal: null }, child.stderr.join("\n"));
    return JSON.parse(child.stdout.at(-1) ?? "") as UdpErrors[];
  };
  return { addresses, finish };
}

type Addresses = readonly SocketAddress[];

/**
 * Sends datagrams, and then a last one again and again until that has come back: packets on
 * loopback keep their order. Gives how many were sent, and how many came back.
 */
async function echoAll(address: SocketAddress, datagrams: readonly Uint8Array[]) {
  const socket = createSocket(address.host === "::1" ? "udp6" : "udp4");
  const last = Buffer.from("the last one");
  let sent = 0;
  let came = 0;
  let hasLast = false;
  socket.on("message", (message) => {
    came += 1;
    hasLast ||= last.equals(message);
  });
  const send = (datagram: Uint8Array) => {
    sent += 1;
    socket.send(datagram, address.port, address.host);
  };
  for (const datagram of datagrams) send(datagram);
  await eventually("the last datagram", () => {
    if (!hasLast) send(last);
    assert.ok(hasLast);
  });
  await new Promise<void>((resolve) => {
    socket.close(resolve);
  });
  return { sent, came };
}

function sum(errors: Readonly<Record<string, number>>, names: readonly string[]): number {
  return names.reduce((total, name) => total + (errors[name] ?? 0), 0);
}

describe("the native UDP layer", { skip }, () => {
  test("errors of the kernel are counted by name, and lose one datagram at most", async (t) => {
    const faults = compile(t, join(HERE, "faults.c"), ["-O1", "-ldl"]);
    assert.ok(faults.ok, faults.ok ? "" : faults.error);
    const echo = await startEcho(t, BUILT, { LD_PRELOAD: faults.value });
    const [address] = echo.addresses;
    assert.ok(address);
    const datagrams = Array.from({ length: 100 }, (_, index) => Buffer.from(`number ${index}`));
    const { sent, came } = await echoAll(address, datagrams);
    const [errors] = await echo.finish();
    assert.ok(errors);
    const losing = ["ENOBUFS", "EPERM", "ENETUNREACH", "EINVAL", "EMSGSIZE"];
    for (const name of [...losing, "EAGAIN"]) assert.ok((errors.send[name] ?? 0) > 0, name);
    for (const name of ["EINTR", "ECONNREFUSED", "ENOMEM", "EHOSTUNREACH"]) {
      assert.ok((errors.receive[name] ?? 0) > 0, name);
    }
    assert.equal(sent - came, sum(errors.send, losing), "what is lost has been counted");
  });

  const seed = fuzzSeed();
  test(`any datagrams under AddressSanitizer: FUZZ_SEED=${seed}`, async (t) => {
    const runtime = spawnSync("cc", ["-print-file-name=libasan.so"], { encoding: "utf8" });
    const library = runtime.stdout.trim();
    if (!existsSync(library)) return t.skip("the compiler has no AddressSanitizer");
    const sanitized = compile(t, join(NATIVE, "udp.c"), ["-g", "-O1", "-fsanitize=address"]);
    assert.ok(sanitized.ok, sanitized.ok ? "" : sanitized.error);
    // What Node itself leaves behind at its end is not ours to look at.
    const env = { LD_PRELOAD: library, ASAN_OPTIONS: "detect_leaks=0:abort_on_error=0" };
    const echo = await startEcho(t, sanitized.value, env);
    const random = new Seeded(seed);
    for (const address of echo.addresses) {
      for (let round = 0; round < 20; round += 1) {
        const datagrams = Array.from({ length: 40 }, () => random.bytes(random.below(1_400)));
        datagrams.push(new Uint8Array(4_096), new Uint8Array(4_161), new Uint8Array(60_000));
        const { sent, came } = await echoAll(address, datagrams);
        assert.ok(came > 0 && came <= sent);
      }
    }
    await echo.finish();
  });

  test("a thread that ends closes its sockets", async (t) => {
    const worker = new Worker(join(HERE, "worker-child.ts"));
    t.after(() => worker.terminate());
    const [address] = (await once(worker, "message")) as [SocketAddress];
    assert.equal(await isPortFree(address.host, address.port), false);
    const { came } = await echoAll(address, [Buffer.from("hello")]);
    assert.ok(came >= 2);
    assert.equal(await worker.terminate(), 1);
    assert.equal(await isPortFree(address.host, address.port), true);
  });

  test("arguments that are not right are errors, and nothing is left", () => {
    const layer = loadLayer(BUILT);
    assert.ok(layer.ok);
    const { open, close, port, counters } = layer.value;
    const memory = new ArrayBuffer(8 * (32 + 2 * 512));
    const turns = { memory, slots: 8, slotBytes: 512, onTurn: () => undefined };
    const wrong = /not right/;
    assert.throws(() => open("127.0.0.1", 70_000, false, 0, turns), wrong);
    assert.throws(() => open("127.0.0.1", 0, false, 0, { ...turns, slots: 0 }), wrong);
    assert.throws(() => open("127.0.0.1", 0, false, 0, { ...turns, slots: 9 }), wrong);
    assert.throws(() => open("127.0.0.1", 0, false, 0, { ...turns, slots: 100_000 }), wrong);
    assert.throws(() => open("127.0.0.1", 0, false, 0, {} as never), wrong);
    assert.throws(() => open("127.0.0.1", 0, false, 0, { ...turns, onTurn: 7 } as never));
    assert.throws(() => open("no address", 0, false, 0, turns), { code: "EINVAL" });
    assert.throws(() => open("192.0.2.1", 0, false, 0, turns), { code: "EADDRNOTAVAIL" });
    assert.throws(() => close({} as never), /not a socket/);
    const socket = open("127.0.0.1", 0, false, 0, turns);
    assert.throws(() => open("127.0.0.1", port(socket), false, 0, turns), { code: "EADDRINUSE" });
    assert.deepEqual(counters(socket).receiveErrors, {});
    close(socket);
    close(socket);
    assert.throws(() => port(socket), { code: "EBADF" });
  });
});

describe("which layer serves", () => {
  test("the one that is asked for, and dgram where the native one does not load", () => {
    assert.equal(chooseUdpLayer("dgram").ok, false);
    assert.equal(chooseUdpLayer("auto", "dgram").ok, false);
    assert.deepEqual(chooseUdpLayer("native", "dgram"), chooseUdpLayer("auto", undefined));
    const missing = loadLayer("./build/of-another-machine.node");
    assert.match(missing.ok ? "" : missing.error, /does not load: Cannot find module/);
  });

  test("a layer of another version is not used", (t) => {
    const source = join(HERE, "other-version.c");
    const other = compile(t, source, []);
    if (!other.ok) return t.skip(`there is no compiler: ${other.error}`);
    const loaded = loadLayer(other.value);
    assert.match(loaded.ok ? "" : loaded.error, /is of version 999 and not 2/);
  });
});

describe("the build of the native layer", () => {
  /** A checkout with just what the build reads. */
  function checkout(scope: Scope): string {
    const dir = tempDir(scope);
    mkdirSync(join(dir, "router-dns"));
    cpSync(NATIVE, join(dir, "router-dns", "native"), {
      recursive: true,
      filter: (path) => !path.endsWith("build"),
    });
    symlinkSync(join(REPOSITORY, "node_modules"), join(dir, "node_modules"));
    return dir;
  }

  function build(dir: string, env: NodeJS.ProcessEnv, ...flags: readonly string[]) {
    const script = join(dir, "router-dns", "native", "build.mjs");
    return spawnSync(process.execPath, [script, ...flags], { env, encoding: "utf8" });
  }

  test("says so and fails nothing where there is no compiler", (t) => {
    const dir = checkout(t);
    const { status, stdout } = build(dir, { PATH: tempDir(t) });
    assert.match(stdout, /^UDP layer: node:dgram, as there is no C compiler$/m);
    assert.equal(status, 0);
    assert.equal(build(dir, { PATH: tempDir(t) }, "--strict").status, 1);
  });

  test("says what a compiler says that cannot compile it, and leaves nothing old", (t) => {
    const dir = checkout(t);
    const built = join(dir, "router-dns", "native", "build", "udp.node");
    mkdirSync(dirname(built));
    writeFileSync(built, "what an earlier version left");
    const { status, stdout } = build(dir, { ...process.env, CC: "false" });
    assert.match(stdout, /^UDP layer: node:dgram, as false failed/m);
    assert.equal(status, 0);
    assert.equal(existsSync(built), false);
  });
});
