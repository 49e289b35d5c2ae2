import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { formatSocketAddress } from "../../common/address.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { silentLogger } from "../../common/log.ts";
import { BIG_FILE_BYTES, bigFileBytes } from "../../origin/big-file.ts";
import { startOrigin } from "../../origin/server.ts";
import { freePort, isPortFree } from "../support/free-port.ts";

const ANY_PORT = { host: "127.0.0.1", port: 0 };
let origin: RunningDaemon;

before(async () => {
  origin = await startOrigin({ listen: ANY_PORT, admin: ANY_PORT, log: silentLogger });
});

after(() => origin.stop(0));

function url(path: string, port = "http"): string {
  const address = origin.addresses[port];
  assert.ok(address !== undefined);
  return `http://${formatSocketAddress(address)}${path}`;
}

test("every answer carries the number of its request", async () => {
  const numbers: number[] = [];
  for (const path of ["/fresh", "/nowhere", "/no-store"]) {
    const answer = await fetch(url(path));
    await answer.text();
    numbers.push(Number(answer.headers.get("x-origin-request")));
  }
  const [first = 0] = numbers;
  assert.deepEqual(numbers, [first, first + 1, first + 2]);
});

test("/big.bin is the generated file, whole and in ranges", async () => {
  const whole = await fetch(url("/big.bin"));
  assert.equal(whole.headers.get("content-length"), String(BIG_FILE_BYTES));
  const bytes = new Uint8Array(await whole.arrayBuffer());
  assert.ok(Buffer.from(bytes).equals(bigFileBytes(0, BIG_FILE_BYTES - 1)));
  const part = await fetch(url("/big.bin"), { headers: { range: "bytes=1000001-1000999" } });
  assert.equal(part.status, 206);
  assert.deepEqual(new Uint8Array(await part.arrayBuffer()), bytes.slice(1_000_001, 1_001_000));
});

test("HEAD has the fields of GET and no body", async () => {
  for (const path of ["/big.bin", "/fresh", "/slow?ms=1", "/chunked"]) {
    const head = await fetch(url(path), { method: "HEAD" });
    assert.equal(head.status, 200, path);
    assert.equal((await head.arrayBuffer()).byteLength, 0, path);
  }
});

test("/etag answers 304 to its own tag", async () => {
  const first = await fetch(url("/etag?v=3"));
  assert.equal(first.headers.get("etag"), '"v3"');
  const again = await fetch(url("/etag?v=3"), { headers: { "if-none-match": '"v3"' } });
  assert.equal(again.status, 304);
  assert.equal(again.headers.get("content-length"), null);
});

test("/slow sends its head before the body is complete, and /chunked has no length", async () => {
  const slow = await fetch(url("/slow?ms=0&over=60000&n=2&bytes=100"));
  assert.match(slow.headers.get("content-length") ?? "", /^\d+$/);
  const reader = slow.body?.getReader();
  const piece = await reader?.read();
  assert.match(Buffer.from(piece?.value ?? []).toString(), /^piece 1 of 2 /);
  await reader?.cancel();
  const chunked = await fetch(url("/chunked"));
  assert.equal(chunked.headers.get("transfer-encoding"), "chunked");
  assert.match(await chunked.text(), /^one\ntwo\nthree\nmade by/);
});

test("/cut breaks off in the middle of what it promised", async () => {
  const answer = await new Promise<IncomingMessage>((resolve) => {
    httpRequest(url("/cut"), resolve).end();
  });
  let received = 0;
  answer.on("data", (piece: Buffer) => {
    received += piece.length;
  });
  const [error] = (await once(answer, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNRESET");
  assert.equal(answer.headers["content-length"], "100000");
  assert.ok(received > 0 && received < 100_000);
});

test("/counter is raised by POST and by nothing else", async () => {
  const read = async () => /stands at (\d+)/.exec(await (await fetch(url("/counter"))).text())?.[1];
  const start = Number(await read());
  const posted = await fetch(url("/counter"), { method: "POST", body: "x".repeat(100_000) });
  assert.equal(posted.status, 200);
  assert.equal(Number(await read()), start + 1);
});

test("a client that leaves early, and one that sends nonsense, harm nobody", async () => {
  const address = origin.addresses["http"];
  assert.ok(address !== undefined);
  for (const bytes of [
    "GET /hang HTTP/1.1\r\nHost: o\r\n\r\n",
    "GET //[ HTTP/1.1\r\nHost: o\r\n\r\n",
  ]) {
    const socket = connect(address);
    socket.write(bytes);
    await once(socket, "connect");
    socket.destroy();
  }
  assert.equal((await fetch(url("/fresh"))).status, 200);
});

test("origin_requests_total counts answers by status class", async () => {
  const count = async () => {
    const text = await (await fetch(url("/metrics", "admin"))).text();
    return Number(/meridian_origin_requests_total\{code="4xx"\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  const start = await count();
  await (await fetch(url("/fail?status=404"))).text();
  assert.equal(await count(), start + 1);
});

test("stop ends what is under way at the deadline, and refuses new connections", async () => {
  const other = await startOrigin({ listen: ANY_PORT, log: silentLogger });
  const address = other.addresses["http"];
  assert.ok(address !== undefined);
  const response = await fetch(`http://${formatSocketAddress(address)}/slow?ms=0&over=60000&n=2`);
  const rest = assert.rejects(response.text());
  await Promise.all([other.stop(50), other.stop(50), rest]);
  await assert.rejects(fetch(`http://${formatSocketAddress(address)}/`));
});

test("an admin port that is taken is named, and the other port is given back", async () => {
  const taken = origin.addresses["admin"];
  assert.ok(taken !== undefined);
  const free = { host: "127.0.0.1", port: await freePort() };
  await assert.rejects(startOrigin({ listen: free, admin: taken, log: silentLogger }), {
    name: "ListenError",
  });
  assert.ok(await isPortFree(free.host, free.port));
});

test("the origin does not speak of a state store, which it has not", async () => {
  assert.doesNotMatch(await (await fetch(url("/metrics", "admin"))).text(), /meridian_state_/);
});
