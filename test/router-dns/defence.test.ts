import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { SocketAddress } from "../../common/address.ts";
import { RouterFilesError } from "../../router-dns/data/files.ts";
import { dig } from "../support/dig.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startKnot } from "../support/knot.ts";
import { atEnd, type Scope } from "../support/scope.ts";
import { tempDir } from "../support/temp-dir.ts";
import { queryBytes } from "./dns-world.ts";
import { serviceConfig, startTestRouter } from "./support.ts";

const SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const NAME = "large.defence.test";
const TEXT = ["a", "b", "c"].map((letter) => `"${letter.repeat(200)}"`).join(" ");
const ZONE = `$ORIGIN defence.test.
$TTL 300
@ IN SOA ns1 hostmaster 1 7200 900 1209600 60
@ IN NS ns1
ns1 IN A 192.0.2.1
large IN TXT ${TEXT}
`;

type Service = Parameters<typeof serviceConfig>[0];

/** A router with a zone that has something large to ask for. */
function startDefended(scope: Scope, service: Service, clock = new FakeClock(Date.now())) {
  const file = join(tempDir(scope), "defence.test.zone");
  writeFileSync(file, ZONE);
  const started = startTestRouter(scope, {
    pops: [],
    zoneFiles: [file],
    probe: { kind: "none" },
    service: serviceConfig(service),
    clock,
  });
  return { started, clock };
}

async function counted(admin: SocketAddress, line: RegExp): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
  return Number(line.exec(text)?.[1] ?? Number.NaN);
}

/** A client at one address of loopback that counts the octets it gets. */
class CountingClient {
  readonly #socket: Socket = createSocket("udp4");
  readonly #to: SocketAddress;
  sent = 0;
  received = 0;
  answers = 0;

  constructor(scope: Scope, to: SocketAddress) {
    this.#to = to;
    atEnd(scope, () => void this.#socket.close());
    this.#socket.on("message", (answer: Buffer) => {
      this.received += answer.length;
      this.answers += 1;
    });
  }

  async bind(address: string): Promise<this> {
    this.#socket.bind(0, address);
    await once(this.#socket, "listening");
    return this;
  }

  send(packet: Buffer): void {
    this.sent += packet.length;
    this.#socket.send(packet, this.#to.port, this.#to.host);
  }

  /** Sends and waits: everything that was sent before has been looked at when it is answered. */
  async ask(packet: Buffer): Promise<Buffer> {
    this.send(packet);
    const answered = AbortSignal.timeout(5_000);
    const [answer] = (await once(this.#socket, "message", { signal: answered })) as [Buffer];
    return answer;
  }
}

/** What stands in the cookie option, which is the last of the answer. */
function cookieOf(answer: Buffer): string {
  return answer.subarray(-24).toString("hex");
}

describe("a flood from forged addresses", () => {
  const SECONDS = 60;
  const PER_SECOND = 1_000;
  const AT_ONCE = 50;

  for (const [what, options] of [
    ["without cookies", []],
    ["with cookies that nobody has seen an answer to", [[10, "1122334455667788"]]],
  ] as const) {
    it(`${what}: no more goes out than came in, and a client with a cookie loses nothing`, async (t) => {
      const { started, clock } = startDefended(t, { rateLimit: { exempt: [] } });
      const { dns, admin } = await started;
      const flood = queryBytes({ name: NAME, type: "TXT", udpBytes: 4_096, options });
      // The good client sits in the network whose addresses are forged.
      const good = await new CountingClient(t, dns).bind("127.60.7.1");
      const victims = await Promise.all(
        ["127.60.7.9", "127.60.7.200", "127.60.8.9"].map((it) =>
          new CountingClient(t, dns).bind(it),
        ),
      );
      const hello = await good.ask(
        queryBytes({ name: NAME, type: "TXT", options: [[10, "0102030405060708"]] }),
      );
      for (let second = 0; second < SECONDS; second += 1) {
        for (let i = 0; i < PER_SECOND; i += AT_ONCE) {
          for (let j = 0; j < AT_ONCE; j += 1) victims[(i + j) % victims.length]?.send(flood);
          const question = { name: NAME, type: "TXT", udpBytes: 1_232 } as const;
          const answer = await good.ask(
            queryBytes({ ...question, options: [[10, cookieOf(hello)]] }),
          );
          assert.ok(answer.length > 600, "the whole answer");
        }
        clock.advance(1_000);
      }
      const sent = victims.reduce((sum, victim) => sum + victim.sent, 0);
      const received = victims.reduce((sum, victim) => sum + victim.received, 0);
      const ratio = received / sent;
      t.diagnostic(`${received} octets out for ${sent} in: ${ratio.toFixed(2)}`);
      assert.ok(received > 0 && ratio <= 1, `${ratio}`);
      const looked = await counted(admin, /rrl_total\{action="drop"\} (\d+)/);
      assert.ok(looked > (SECONDS * PER_SECOND) / 4, "every action is counted");
      assert.equal(good.answers, 1 + (SECONDS * PER_SECOND) / AT_ONCE);
    });
  }
});

describe("cookies, seen by others", () => {
  async function askWithCookie(server: SocketAddress, cookie: string) {
    const { host, port } = server;
    const options = [`+cookie=${cookie}`, "+nobadcookie"];
    const seen = await dig({ server: host, port, name: NAME, type: "TXT", options });
    return { ...seen, cookie: /^; COOKIE: (\w+)/m.exec(seen.text)?.[1] ?? "" };
  }

  it("dig takes them for good, and Knot with the same secret accepts ours, and we its", async (t) => {
    const secretFile = join(tempDir(t), "secrets");
    writeFileSync(secretFile, `# shared with Knot\n${SECRET}\n`);
    const { dns, admin } = await startDefended(t, { cookies: { secretFile } }).started;
    const zones = [{ name: "defence.test.", text: ZONE }];
    const knot = await startKnot(t, { zones, maxUdpBytes: 1_232, cookieSecret: SECRET });
    const ours = await askWithCookie(dns, "0102030405060708");
    assert.match(ours.text, /^; COOKIE: [0-9a-f]{48} \(good\)$/m);
    const forged = `${ours.cookie.slice(0, -2)}00`;
    assert.equal((await askWithCookie(knot, forged)).status, "BADCOOKIE");
    assert.equal((await askWithCookie(knot, ours.cookie)).status, "NOERROR");
    const theirs = await askWithCookie(knot, "1112131415161718");
    assert.equal(theirs.status, "BADCOOKIE", "Knot gives one, and wants to see it");
    assert.equal((await askWithCookie(dns, theirs.cookie)).status, "NOERROR");
    assert.equal(await counted(admin, /cookies_total\{standing="valid"\} (\d+)/), 1);
  });

  it("required: dig learns its cookie from BADCOOKIE, and goes to TCP without one", async (t) => {
    const service = { cookies: { mode: "require" }, rateLimit: { exempt: [] } } as const;
    const { dns } = await startDefended(t, service).started;
    const { host: server, port } = dns;
    const question = { server, port, name: NAME, type: "TXT" };
    const with1 = await dig({ ...question, options: ["+cookie", "+badcookie"] });
    assert.equal(with1.status, "NOERROR");
    assert.match(with1.text, /BADCOOKIE, retrying/);
    const without = await dig(question);
    assert.equal(without.status, "NOERROR");
    assert.match(without.text, /Truncated, retrying in TCP mode/);
  });

  it("a new secret is taken on reload, and a broken file leaves the old one", async (t) => {
    const secretFile = join(tempDir(t), "secrets");
    writeFileSync(secretFile, `${SECRET}\n`);
    const { router, dns } = await startDefended(t, { cookies: { secretFile } }).started;
    const first = await askWithCookie(dns, "0102030405060708");
    writeFileSync(secretFile, "what is this\n");
    await router.reload?.();
    assert.equal((await askWithCookie(dns, first.cookie)).cookie, first.cookie);
    writeFileSync(secretFile, `${"00".repeat(16)}\n${SECRET}\n`);
    await router.reload?.();
    const renewed = await askWithCookie(dns, first.cookie);
    assert.notEqual(renewed.cookie, first.cookie, "made with the new secret");
    assert.match(renewed.text, /\(good\)/);
  });

  it("a router does not start with secrets that are none, and does not show them", async (t) => {
    const secretFile = join(tempDir(t), "secrets");
    writeFileSync(secretFile, "abc123abc123\n");
    await assert.rejects(startDefended(t, { cookies: { secretFile } }).started, (error) => {
      assert.ok(error instanceof RouterFilesError);
      assert.match(error.message, /secrets:1:1: not a secret of 32 hexadecimal digits/);
      assert.doesNotMatch(error.message, /abc123/);
      return true;
    });
  });
});

it("dig: NSID and CHAOS names are told only when they are configured", async (t) => {
  const identity = { nsid: "syd-ns", chaos: { version: "Meridian", id: "syd-ns" } };
  for (const [service, expected] of [
    [{}, [/^(?!.*NSID)/s, "REFUSED", "REFUSED"]],
    [identity, [/; NSID: .*\("syd-ns"\)/, "NOERROR", "NOERROR"]],
  ] as const) {
    const { dns } = await startDefended(t, service).started;
    const { host: server, port } = dns;
    const nsid = await dig({ server, port, name: NAME, options: ["+nsid", "+noall", "+comments"] });
    assert.match(nsid.text, expected[0]);
    for (const [index, name] of ["version.bind", "id.server"].entries()) {
      const seen = await dig({ server, port, name, type: "TXT", options: ["-c", "CH"] });
      assert.equal(seen.status, expected[1 + index]);
    }
  }
});
