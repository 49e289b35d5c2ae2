import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { describe, it } from "node:test";
import {
  checkTsig,
  findTsig,
  signMessage,
  TSIG_ALGORITHMS,
  TSIG_ERROR,
  type Tsig,
  type TsigKey,
  type TsigKeys,
  tsigBytes,
  withTsigError,
} from "../../../router-dns/transfer/tsig.ts";
import { nameKey } from "../../../router-dns/wire/name.ts";
import { runProcess } from "../../support/process.ts";
import { keyOf, nameOf, queryBytes, words } from "../dns-world.ts";

const NOW = 1_800_000_000;

function keyNamed(name: string, algorithm: TsigKey["algorithm"] = "hmac-sha256"): TsigKey {
  return { name: nameOf(name), algorithm, secret: Buffer.from(`secret of ${name}`) };
}

function keysOf(...keys: TsigKey[]): TsigKeys {
  return new Map(keys.map((key) => [nameKey(key.name), key]));
}

const KEY = keyNamed("Transfer.Key.test");
const KEYS = keysOf(KEY);
const QUERY = queryBytes({ name: "x.test", type: "AXFR" });

/** A change to one octet of a signed message, counted from its end if negative. */
function flipped(message: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(message);
  const index = at < 0 ? message.length + at : at;
  changed[index] = (changed[index] ?? 0) ^ 1;
  return changed;
}

/** A message with a TSIG record that has another MAC. */
function withTsigMac(message: Uint8Array, tsig: Tsig, mac: Uint8Array): Uint8Array {
  const bare = withTsigError(message, tsig, 0);
  const macAt = message.length + tsig.keyName.length + 10 + tsig.algorithmName.length + 8;
  const changed = Buffer.concat([
    bare.subarray(0, macAt),
    words(mac.length),
    mac,
    bare.subarray(macAt + 2),
  ]);
  const lengthAt = message.length + tsig.keyName.length + 8;
  changed.writeUInt16BE(changed.readUInt16BE(lengthAt) + mac.length, lengthAt);
  return changed;
}

describe("TSIG", () => {
  for (const algorithm of TSIG_ALGORITHMS) {
    it(`RFC 8945 s.4.3: what ${algorithm} signs, the same key accepts`, () => {
      const key = keyNamed("k.test", algorithm);
      const { message, mac } = signMessage(QUERY, { key, now: NOW });
      assert.equal(message.length, QUERY.length + tsigBytes(key));
      const verdict = checkTsig(message, { keys: keysOf(key), now: NOW + 300 });
      assert.deepEqual(verdict, { kind: "signed", key, mac });
    });
  }

  it("RFC 8945 s.4.3.3: names count in lower case, and the id is the original one", () => {
    const { message } = signMessage(QUERY, { key: KEY, now: NOW });
    const start = QUERY.length + 1;
    const upper = Uint8Array.from(message);
    upper[start] = (upper[start] ?? 0) ^ 0x20;
    assert.equal(checkTsig(upper, { keys: KEYS, now: NOW }).kind, "signed");
    // A forwarder may change the id of the message; the record keeps the one that was signed.
    upper[0] = 0x77;
    assert.equal(checkTsig(upper, { keys: KEYS, now: NOW }).kind, "signed");
  });

  it("RFC 8945 s.5.2: every changed octet is noticed", () => {
    const { message } = signMessage(QUERY, { key: KEY, now: NOW });
    for (let at = 2; at < message.length; at += 1) {
      const { kind } = checkTsig(flipped(message, at), { keys: KEYS, now: NOW });
      // Only the case of a letter in the name of the key or algorithm is no change.
      assert.notEqual(kind, "signed", `octet ${at}`);
    }
  });

  it("RFC 8945 s.5.2: which error is told", () => {
    const { message } = signMessage(QUERY, { key: KEY, now: NOW });
    const other = keyNamed("other.test");
    const same = { ...keyNamed("Transfer.Key.test"), secret: Buffer.from("another") };
    const sha512 = keyNamed("Transfer.Key.test", "hmac-sha512");
    const errorOf = (keys: TsigKeys, now: number) => {
      const verdict = checkTsig(message, { keys, now });
      assert.equal(verdict.kind, "refused");
      return [verdict.error, verdict.key !== undefined];
    };
    assert.deepEqual(errorOf(keysOf(other), NOW), [TSIG_ERROR.BADKEY, false]);
    assert.deepEqual(errorOf(keysOf(sha512), NOW), [TSIG_ERROR.BADKEY, false]);
    assert.deepEqual(errorOf(keysOf(same), NOW), [TSIG_ERROR.BADSIG, false]);
    assert.deepEqual(errorOf(KEYS, NOW + 301), [TSIG_ERROR.BADTIME, true]);
    assert.deepEqual(errorOf(KEYS, NOW - 301), [TSIG_ERROR.BADTIME, true]);
  });

  it("RFC 8945 s.5.2.2.1: a MAC that was cut is BADTRUNC, none at all BADSIG", () => {
    const { message } = signMessage(QUERY, { key: KEY, now: NOW });
    const tsig = findTsig(message);
    assert.ok(tsig !== undefined && tsig !== "malformed");
    const short = withTsigMac(QUERY, tsig, tsig.mac.subarray(0, 16));
    const verdictOfShort = checkTsig(short, { keys: KEYS, now: NOW });
    assert.equal(verdictOfShort.kind === "refused" && verdictOfShort.error, TSIG_ERROR.BADTRUNC);
    const none = withTsigError(QUERY, tsig, 0);
    const verdict = checkTsig(none, { keys: KEYS, now: NOW });
    assert.equal(verdict.kind === "refused" && verdict.error, TSIG_ERROR.BADSIG);
  });

  it("RFC 8945 s.5.1: a record that is not the last one is malformed", () => {
    const { message } = signMessage(QUERY, { key: KEY, now: NOW });
    const twice = signMessage(message, { key: KEY, now: NOW }).message;
    assert.deepEqual(checkTsig(twice, { keys: KEYS, now: NOW }), { kind: "malformed" });
    const inAnswer = Uint8Array.from(message);
    inAnswer.set(words(1, 0, 0), 6);
    assert.equal(findTsig(inAnswer), "malformed");
    assert.equal(findTsig(Buffer.concat([message, words(0)])), "malformed");
    for (let length = 0; length < message.length; length += 1) {
      assert.equal(findTsig(message.subarray(0, length)), "malformed", `${length} octets`);
    }
    assert.deepEqual(checkTsig(QUERY, { keys: KEYS, now: NOW }), { kind: "unsigned" });
  });

  it("RFC 8945 s.5.3.1: a stream is signed over the message before and what was not signed", () => {
    const request = signMessage(QUERY, { key: KEY, now: NOW });
    const answers = [1, 2, 3, 4].map((i) => queryBytes({ name: `a${i}.test` }));
    const [a, b, c, d] = answers as [Buffer, Buffer, Buffer, Buffer];
    const first = signMessage(a, { key: KEY, now: NOW, priorMac: request.mac });
    const last = signMessage(d, { key: KEY, now: NOW, priorMac: first.mac, stream: [b, c] });
    const check = { keys: KEYS, now: NOW };
    const one = checkTsig(first.message, { ...check, priorMac: request.mac });
    assert.equal(one.kind, "signed");
    const good = checkTsig(last.message, { ...check, priorMac: first.mac, stream: [b, c] });
    assert.equal(good.kind, "signed");
    for (const stream of [[c, b], [b], []]) {
      const bad = checkTsig(last.message, { ...check, priorMac: first.mac, stream });
      assert.equal(bad.kind, "refused");
    }
    assert.equal(checkTsig(first.message, check).kind, "refused");
  });

  it("dig signs, we accept; we sign, dig accepts", async (t) => {
    const key = keyNamed("transfer.test");
    const socket = createSocket("udp4");
    t.after(() => socket.close());
    const verdicts: string[] = [];
    socket.on("message", (packet, { port, address }) => {
      const now = Math.floor(Date.now() / 1000);
      const verdict = checkTsig(packet, { keys: keysOf(key), now });
      verdicts.push(verdict.kind);
      if (verdict.kind !== "signed") return;
      const answer = Buffer.from(packet.subarray(0, (findTsig(packet) as { start: number }).start));
      answer.set(words(packet.readUInt16BE(0), 0x8400, 1, 0, 0, answer.readUInt16BE(10) - 1), 0);
      const signed = signMessage(answer, { key, now, priorMac: verdict.mac }).message;
      socket.send(signed, port, address);
    });
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const secret = Buffer.from(key.secret).toString("base64");
    const { stdout } = await runProcess({
      command: "dig",
      args: [
        "@127.0.0.1",
        "-p",
        String(socket.address().port),
        "-y",
        `hmac-sha256:transfer.test:${secret}`,
        "+tries=1",
        "+timeout=5",
        "x.test",
        "SOA",
      ],
    });
    assert.deepEqual(verdicts, ["signed"]);
    assert.match(stdout, /TSIG PSEUDOSECTION/);
    assert.doesNotMatch(stdout, /could not be validated|verify failure/i);
    assert.equal(keyOf("transfer.test"), nameKey(key.name));
  });
});
