import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { silentLogger } from "../../../common/log.ts";
import { fail, ok } from "../../../common/result.ts";
import { LOOK_EVERY_MS, RoundTripSender } from "../../../edge/measure/round-trip-sender.ts";
import { listSockets, type MeasuredSocket } from "../../../edge/measure/socket-list.ts";
import type { MeasuredRoundTrips } from "../../../state/records.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { findProgram } from "../../support/peers.ts";

const AT = { host: "127.0.0.1", port: 8080 };

/** A sender over a clock of its own, and what it has told. */
function senderOf(list: typeof listSockets) {
  const clock = new FakeClock();
  const reports: MeasuredRoundTrips[] = [];
  const store = {
    measured: async (report: MeasuredRoundTrips) => void reports.push(report),
  };
  const told = { edge: "syd-1", pop: "syd", store };
  const sender = new RoundTripSender({ ...told, clock, log: silentLogger, list });
  return { sender, clock, reports };
}

/** Lets one look take place, and waits until the next one is due. */
async function lookOnce(clock: FakeClock): Promise<void> {
  clock.advance(LOOK_EVERY_MS);
  await eventually("the look is over", () => assert.equal(clock.pendingTimers, 1));
}

test("the kernel tells of real clients: their address, and a round trip", async (t) => {
  assert.ok(findProgram("ss") !== undefined);
  const server = createServer((socket) => socket.on("error", () => {}).write("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clients: Socket[] = [];
  t.after(() => {
    for (const client of clients) client.destroy();
    server.close();
  });
  for (const localAddress of ["127.0.31.1", "127.0.31.2", "127.0.32.1"]) {
    const client = connect({ host: "127.0.0.1", port, localAddress });
    clients.push(client);
    await once(client, "data");
  }
  const { sender, clock, reports } = senderOf(listSockets);
  sender.start({ host: "127.0.0.1", port });
  await lookOnce(clock);
  const [report] = reports;
  assert.deepEqual([report?.edge, report?.pop, report?.prefixes.length], ["syd-1", "syd", 2]);
  assert.deepEqual(
    report?.prefixes.map(({ prefix, samples }) => [prefix, samples]),
    [
      ["127.0.31.0/24", 2],
      ["127.0.32.0/24", 1],
    ],
  );
  for (const { ms } of report?.prefixes ?? []) assert.ok(ms > 0 && ms < 1_000, `${ms}`);
  sender.stop();
  assert.equal(clock.pendingTimers, 0);
});

test("a connection counts once, and again if its port is another connection later", async () => {
  const client = Uint8Array.of(192, 0, 2, 1);
  let open: readonly MeasuredSocket[] = [];
  const { sender, clock, reports } = senderOf(async () => ok(open));
  sender.start(AT);
  const one = { id: "192.0.2.1:1", client, ms: 5 };
  const two = { id: "192.0.2.1:2", client, ms: 7 };
  for (open of [[one], [one, two], [two], [one], [], []]) await lookOnce(clock);
  assert.equal(reports.length, 1);
  await lookOnce(clock);
  assert.equal(reports.length, 2);
  assert.deepEqual(reports[1]?.prefixes, [{ prefix: "192.0.2.0/24", ms: 5, samples: 3 }]);
  sender.stop();
});

test("where the kernel cannot be asked nothing is measured, and it is not asked again", async () => {
  let asked = 0;
  const { sender, clock, reports } = senderOf(async () => {
    asked += 1;
    return fail("spawn ss ENOENT");
  });
  sender.start(AT);
  clock.advance(LOOK_EVERY_MS);
  await eventually("it has been asked", () => assert.equal(asked, 1));
  clock.advance(10 * LOOK_EVERY_MS);
  assert.deepEqual([asked, reports.length, clock.pendingTimers], [1, 0, 0]);
});
