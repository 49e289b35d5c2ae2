import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { hostsOf } from "../../../common/certificate.ts";
import {
  buildCertificateTable,
  certificateFor,
  coversHost,
  type EdgeCertificate,
} from "../../../edge/tls/certificate-table.ts";
import { msToNextTicketKey, TICKET_KEY_MS, ticketKey } from "../../../edge/tls/tickets.ts";

function certificate(name: string, hosts: readonly string[], notAfter = 1_000): EdgeCertificate {
  return { name, hosts, notAfter } as unknown as EdgeCertificate;
}

suite("which certificate is for which name", () => {
  test("exact before wildcard, in any case, one label only", () => {
    const exact = certificate("exact", ["a.example", "example"]);
    const wild = certificate("wild", ["*.example"]);
    const table = buildCertificateTable([wild, exact], undefined);
    for (const [name, expected] of [
      ["a.example", exact],
      ["A.Example", exact],
      ["a.example.", exact],
      ["b.example", wild],
      ["example", exact],
      ["x.b.example", undefined],
      ["*.example", wild],
      ["other.test", undefined],
      [".example", undefined],
      ["", undefined],
    ] as const) {
      assert.equal(certificateFor(table, name), expected, name);
    }
    assert.equal(table.unnamed, undefined);
  });

  test("of two for one name the one that ends last, then the first", () => {
    const old = certificate("old", ["a.example", "*.example"], 1_000);
    const renewed = certificate("renewed", ["a.example"], 2_000);
    const same = certificate("same", ["*.example"], 1_000);
    for (const order of [
      [old, renewed, same],
      [renewed, old, same],
    ]) {
      const table = buildCertificateTable(order, old);
      assert.equal(certificateFor(table, "a.example"), renewed);
      assert.equal(certificateFor(table, "b.example"), old);
      assert.equal(table.unnamed, old);
    }
  });

  test("RFC 9110 s.7.4: the hosts that may be asked for on a connection", () => {
    const one = certificate("one", ["a.example", "*.wild.example"]);
    for (const [host, expected] of [
      ["a.example", true],
      ["x.wild.example", true],
      ["b.example", false],
      ["wild.example", false],
      ["x.y.wild.example", false],
      ["192.0.2.1", true],
      ["[2001:db8::1]", true],
      ["", false],
    ] as const) {
      assert.equal(coversHost(one, host), expected, host);
    }
  });

  test("RFC 9525 s.6.3: names come from the alternative names, never from the subject", () => {
    const text = 'DNS:A.example, IP Address:192.0.2.1, DNS:*.b.example, DNS:"odd, name"';
    assert.deepEqual(hostsOf(text), ["a.example", "*.b.example"]);
    assert.deepEqual(hostsOf(undefined), []);
  });
});

suite("keys of session tickets", () => {
  const secret = new Uint8Array(32).fill(7);

  test("the same everywhere within a period, another one in the next and with another secret", () => {
    const start = 1_000 * TICKET_KEY_MS;
    const key = ticketKey(secret, start);
    assert.equal(key.length, 48);
    assert.deepEqual(ticketKey(secret, start + TICKET_KEY_MS - 1), key);
    assert.notDeepEqual(ticketKey(secret, start + TICKET_KEY_MS), key);
    assert.notDeepEqual(ticketKey(secret, start - 1), key);
    assert.notDeepEqual(ticketKey(new Uint8Array(32).fill(8), start), key);
  });

  test("the next one comes with the next period", () => {
    assert.equal(msToNextTicketKey(5 * TICKET_KEY_MS), TICKET_KEY_MS);
    assert.equal(msToNextTicketKey(6 * TICKET_KEY_MS - 1), 1);
  });
});
