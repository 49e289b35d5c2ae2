import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { SocketAddress } from "../../../common/address.ts";
import { listenTcp } from "../../../common/listen.ts";
import { silentLogger } from "../../../common/log.ts";
import { parsePlan } from "../../../deploy/wan/plan.ts";
import { startWan } from "../../../deploy/wan/server.ts";
import { freePort, isPortFree } from "../../support/free-port.ts";
import { runProcess } from "../../support/process.ts";

const ROUND_TRIP_MS = 120;
const BODY = Buffer.alloc(8 * 2 ** 20, "0123456789abcdef");

/** A server "there", in 127.0.1.0/24, and a relay and a vantage "here", in 127.0.0.0/24. */
async function aWan(t: TestContext, target?: SocketAddress) {
  const server = createServer((request, response) => {
    const hash = createHash("sha256");
    request.on("data", (bytes: Buffer) => hash.update(bytes));
    request.on("end", () => {
      response.setHeader("x-request-hash", hash.digest("hex"));
      response.end(request.url === "/body" ? BODY : "hello\n");
    });
  });
  const there = await listenTcp(server, { host: "127.0.1.1", port: 0 }, "test server");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const to = target ?? there;
  const plan = parsePlan(`
regions:
  here: { title: Here, networks: [127.0.0.0/24] }
  there: { title: There, networks: [127.0.1.0/24] }
roundTripMs: { here: { there: ${ROUND_TRIP_MS} } }
relays: [{ listen: 127.0.0.1:0, to: "${to.host}:${to.port}" }]
vantages: [{ region: here, listen: 127.0.0.1:0 }]`);
  assert.ok(plan.ok);
  const wan = await startWan({ plan: plan.value, log: silentLogger });
  t.after(() => wan.stop(0));
  const { "relay-0": relayed, "vantage-here": vantage } = wan.addresses;
  assert.ok(relayed !== undefined && vantage !== undefined);
  return { there, relayed, vantage, wan };
}

test("through the relay a request takes two round trips, the next one takes one", async (t) => {
  const { relayed } = await aWan(t);
  const url = `http://${relayed.host}:${relayed.port}/`;
  const each = `-sS -o /dev/null -w %{time_starttransfer}\\n ${url}`.split(" ");
  const { stdout, code } = await runProcess({
    command: "curl",
    args: [...each, "--next", ...each],
  });
  assert.equal(code, 0);
  const [first = 0, second = 0] = stdout.split("\n").map((text) => Number(text) * 1000);
  assert.ok(first >= 2 * ROUND_TRIP_MS - 5 && first < 4 * ROUND_TRIP_MS, `${first} ms`);
  assert.ok(second >= ROUND_TRIP_MS - 5 && second < first, `${second} ms, ${first} ms before`);
});

test("curl through a vantage reaches the other region, as slowly as it is far", async (t) => {
  const { vantage, there } = await aWan(t);
  const options = `-sS --proxytunnel --proxy http://${vantage.host}:${vantage.port}`.split(" ");
  const to = `::${there.host}:${there.port}`;
  const { stdout, code } = await runProcess({
    command: "curl",
    args: [...options, "--connect-to", to, "-w", "%{time_starttransfer}", "http://video.test/"],
  });
  assert.equal(code, 0);
  const [body, seconds] = stdout.split("\n");
  assert.equal(body, "hello");
  assert.ok(Number(seconds) * 1000 >= 2 * ROUND_TRIP_MS - 5, stdout);
});

test("large bodies in both directions arrive whole", async (t) => {
  const { relayed } = await aWan(t);
  const request = httpRequest({ ...relayed, path: "/body", method: "POST", agent: false });
  request.end(BODY);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks = (await response.toArray()) as Buffer[];
  assert.ok(Buffer.concat(chunks).equals(BODY));
  const hash = createHash("sha256").update(BODY).digest("hex");
  assert.equal(response.headers["x-request-hash"], hash);
});

test("a sender may end first and still read the answer", async (t) => {
  const echo = createTcpServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  const address = await listenTcp(echo, { host: "127.0.1.1", port: 0 }, "echo");
  t.after(() => echo.close());
  const { relayed } = await aWan(t, address);
  const socket = connect({ ...relayed, allowHalfOpen: true });
  socket.end("ping");
  assert.equal(Buffer.concat((await socket.toArray()) as Buffer[]).toString(), "ping");
});

test("a reset on one side becomes a reset on the other", async (t) => {
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.resetAndDestroy());
  });
  const address = await listenTcp(server, { host: "127.0.1.1", port: 0 }, "resetter");
  t.after(() => server.close());
  const { relayed } = await aWan(t, address);
  assert.equal(await failureOf(connect(relayed)), "ECONNRESET");
});

test("nobody at the far end: the near end is reset, a proxy client is told 502", async (t) => {
  const gone = { host: "127.0.1.1", port: 1 };
  const { relayed, vantage } = await aWan(t, gone);
  assert.equal(await failureOf(connect(relayed)), "ECONNRESET");
  assert.equal(await connectStatus(vantage, "127.0.1.1:1"), 502);
});

test("a vantage is no open proxy: addresses outside of the plan are 403", async (t) => {
  const { vantage } = await aWan(t);
  for (const target of ["192.0.2.1:80", "example.com:80", "nonsense"]) {
    assert.equal(await connectStatus(vantage, target), 403, target);
  }
});

test("a vantage asked for a page says where it stands and how far the others are", async (t) => {
  const { vantage } = await aWan(t);
  const text = await (await fetch(`http://${vantage.host}:${vantage.port}/`)).text();
  assert.match(text, /stands in Here/);
  assert.match(text, /there +There +120 ms/);
});

test("stop ends what is under way", async (t) => {
  const { relayed, wan } = await aWan(t);
  const socket = connect(relayed);
  const failure = failureOf(socket);
  await once(socket, "connect");
  await wan.stop(0);
  await failure;
});

test("a port that is taken is named, and what was opened before is closed again", async (t) => {
  const { relayed } = await aWan(t);
  const free = await freePort();
  const plan = parsePlan(`
regions: { here: { title: Here, networks: [127.0.0.0/24] } }
roundTripMs: {}
relays: [{ listen: 127.0.0.1:${free}, to: 127.0.0.1:1 }]
vantages: [{ region: here, listen: 127.0.0.1:${relayed.port} }]`);
  assert.ok(plan.ok);
  await assert.rejects(startWan({ plan: plan.value, log: silentLogger }), {
    name: "ListenError",
    message: new RegExp(`127.0.0.1:${relayed.port} \\(vantage-here\\)`),
  });
  assert.ok(await isPortFree("127.0.0.1", free));
});

/** Writes a byte and gives the error code that the connection ends with. */
function failureOf(socket: Socket): Promise<string | undefined> {
  socket.write("x");
  return new Promise((resolve) => {
    let code: string | undefined;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code;
    });
    socket.on("close", () => resolve(code));
    socket.resume();
  });
}

async function connectStatus(proxy: SocketAddress, target: string): Promise<number | undefined> {
  const request = httpRequest({ ...proxy, method: "CONNECT", path: target, agent: false });
  request.end();
  const [response, socket] = (await once(request, "connect")) as [IncomingMessage, Socket];
  socket.destroy();
  return response.statusCode;
}
