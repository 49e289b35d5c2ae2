import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { formatIp } from "../../../common/ip.ts";
import {
  PROXY_HEADER_BYTES_MAX,
  readProxyHeader,
} from "../../../router-dns/transport/proxy-protocol.ts";
import { proxyHeader } from "../wire-client.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const INET = "c0000201c000020230390035";
const INET6 = `20010db8${"00".repeat(11)}0120010db8${"00".repeat(11)}0230390035`;

/** A header in hexadecimal: command, family, and what follows. */
function header(command: string, family: string, rest: string): Buffer {
  const length = (rest.length / 2).toString(16).padStart(4, "0");
  return Buffer.from(`${SIGNATURE}${command}${family}${length}${rest}`, "hex");
}

/** What a header says, as text: length and source, or why there is none. */
function read(bytes: Uint8Array): string {
  const seen = readProxyHeader(bytes);
  if (seen.kind === "more") return `more ${seen.bytes}`;
  if (seen.kind === "broken") return "broken";
  return `${seen.length} ${seen.source === undefined ? "itself" : formatIp(seen.source)}`;
}

describe("PROXY protocol, version 2", () => {
  for (const [what, bytes, expected] of [
    ["TCP over IPv4", header("21", "11", INET), "28 192.0.2.1"],
    ["UDP over IPv4", header("21", "12", INET), "28 192.0.2.1"],
    ["TCP over IPv6", header("21", "21", INET6), "52 2001:db8::1"],
    ["addresses and further notes", header("21", "11", `${INET}0400010a`), "32 192.0.2.1"],
    ["the front end itself", header("20", "00", ""), "16 itself"],
    ["the front end itself, with addresses", header("20", "11", INET), "28 itself"],
    ["an unknown command", header("22", "11", INET), "broken"],
    ["version 1 of the binary form", header("11", "11", INET), "broken"],
    ["a UNIX socket", header("21", "31", "00".repeat(216)), "broken"],
    ["no family at all", header("21", "00", ""), "broken"],
    ["IPv4 addresses that are cut off", header("21", "11", INET.slice(2)), "broken"],
    ["IPv6 addresses that are cut off", header("21", "21", INET6.slice(2)), "broken"],
    ["the text form", Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 12345 53\r\n"), "broken"],
    ["a query without a header", Buffer.from("123401000001000000000000", "hex"), "broken"],
    ["nothing yet", Buffer.alloc(0), "more 16"],
    ["more than anybody has to say", header("21", "11", "00".repeat(2_033)), "broken"],
    ["as much as somebody may say", header("20", "00", "00".repeat(2_032)), "2048 itself"],
  ] as const) {
    it(`section 2.2: ${what}: ${expected}`, () => assert.equal(read(bytes), expected));
  }

  it("is read from pieces as from the whole", () => {
    const whole = header("21", "21", INET6);
    for (let length = 0; length < whole.length; length += 1) {
      const needed = length < 16 ? 16 : whole.length;
      assert.equal(read(whole.subarray(0, length)), `more ${needed}`);
    }
    assert.equal(read(Buffer.concat([whole, Buffer.from("query")])), "52 2001:db8::1");
  });

  it("that a front end makes is read back", () => {
    assert.equal(read(proxyHeader("192.0.2.7", "tcp")), "28 192.0.2.7");
    assert.equal(read(proxyHeader("2001:db8::7", "udp")), "52 2001:db8::7");
    assert.equal(read(proxyHeader("::ffff:192.0.2.7", "udp")), "28 192.0.2.7");
  });

  it("whatever comes, nothing is read behind its end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (noise, isSigned) => {
        const start = isSigned ? Buffer.from(SIGNATURE, "hex") : Buffer.alloc(0);
        const bytes = Buffer.concat([start, noise]);
        const seen = readProxyHeader(bytes);
        if (seen.kind === "header") assert.ok(seen.length <= bytes.length);
        if (seen.kind === "more") assert.ok(seen.bytes <= PROXY_HEADER_BYTES_MAX);
      }),
    );
  });
});
