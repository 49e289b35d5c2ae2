import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { suite, test } from "node:test";
import { startOrigin, startTestEdge, type TestEdge } from "../edge/harness.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Case, NEWER_CASES, type OriginAnswer, type Step } from "./newer-edition-cases.ts";

/** Fields whose numbers are seconds from the moment of the answer. */
const DATE_FIELDS = new Set(["Date", "Expires", "Last-Modified"]);

function answer(
  asked: IncomingMessage,
  response: ServerResponse,
  { status = 200, fields = [], interim = [], broken = false }: OriginAnswer,
  now: number,
): void {
  if (broken) {
    asked.socket.destroy();
    return;
  }
  for (const code of interim) {
    if (code === 102) response.writeProcessing();
    else response.writeEarlyHints({ link: "</a.css>; rel=preload", "x-hint": "1" });
  }
  const lines = [["Date", 0] as const, ...fields].flatMap(([name, value]) => [
    name,
    DATE_FIELDS.has(name) && typeof value === "number"
      ? new Date(now + value * 1_000).toUTCString()
      : String(value),
  ]);
  const etag = fields.find(([name]) => name === "ETag")?.[1];
  const holds = etag !== undefined && asked.headers["if-none-match"] === etag;
  response.writeHead(holds ? 304 : status, lines);
  response.end(holds || status === 204 ? undefined : `${status} from the origin`);
}

/** One request over a connection of its own, with what came in front of the answer. */
async function ask({ at }: TestEdge, { headers = {} }: Step) {
  const interim: number[] = [];
  const sent = request({
    host: at.host,
    port: at.port,
    agent: false,
    headers: { host: "shop.example", ...headers },
  });
  sent.on("information", ({ statusCode }) => interim.push(statusCode));
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  await response.resume().toArray();
  return { response, interim };
}

suite("what newer editions of the public suite ask, on a clock that tests move", () => {
  for (const each of NEWER_CASES) {
    test(`${each.section}: ${each.id}`, (t) => check(t, each));
  }

  test("the cases have names of their own", () => {
    const ids = NEWER_CASES.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.length >= 75, `only ${ids.length} cases`);
  });
});

async function check(t: Parameters<typeof startOrigin>[0], { steps }: Case): Promise<void> {
  const clock = new FakeClock(Date.UTC(2026, 6, 20));
  let next: OriginAnswer = {};
  const origin = await startOrigin(t, (asked, response) =>
    answer(asked, response, next, clock.now()),
  );
  const edge = await startTestEdge(t, { origins: [origin.url], clock });
  for (const [number, step] of steps.entries()) {
    const where = `step ${number + 1}`;
    next = step.origin ?? next;
    clock.advance((step.after ?? 0) * 1_000);
    const before = origin.seen.length;
    const { response, interim } = await ask(edge, step);
    await assertSource(step, { response, where, asked: () => origin.seen.length - before });
    assert.deepEqual(interim, step.interim ?? [], where);
    for (const [name, value] of Object.entries(step.fields ?? {})) {
      assert.equal(response.headers[name], value, `${where}: ${name}`);
    }
  }
}

async function assertSource(
  { from }: Step,
  seen: { response: IncomingMessage; where: string; asked: () => number },
): Promise<void> {
  const { response, where, asked } = seen;
  const status = String(response.headers["cache-status"]);
  switch (from) {
    case "stored":
      // A broken connection or a 503 has been tried first where what is stored was stale.
      assert.ok(/; hit/.test(status) || /fwd=stale/.test(status), `${where}: ${status}`);
      assert.notEqual(response.headers.age, undefined, `${where}: no Age`);
      return;
    case "stale":
      assert.match(status, /; hit; ttl=-/, where);
      await eventually("a refresh follows", () => assert.equal(asked(), 1, where));
      return;
    case "fetched":
      assert.equal(asked(), 1, where);
      assert.match(status, /; fwd=.*fwd-status=(?!304)/, where);
      return;
    case "validated":
      assert.equal(asked(), 1, where);
      assert.match(status, /; fwd=stale; fwd-status=304/, where);
      return;
    case "error":
      assert.ok((response.statusCode ?? 0) >= 502, `${where}: ${response.statusCode}`);
      assert.equal(response.headers["cache-control"], "no-store", where);
  }
}
