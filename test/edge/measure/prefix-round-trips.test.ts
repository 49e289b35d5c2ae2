import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIp } from "../../../common/ip.ts";
import {
  PREFIXES_MAX,
  PrefixRoundTrips,
  REPORTED_MAX,
} from "../../../edge/measure/prefix-round-trips.ts";
import { readSockets } from "../../../edge/measure/socket-list.ts";

function bytesOf(text: string): Uint8Array {
  const bytes = parseIp(text);
  assert.ok(bytes.ok);
  return bytes.value;
}

test("medians of /24 and /48, those with the most connections first", () => {
  const trips = new PrefixRoundTrips();
  for (const [client, ms] of [
    ["192.0.2.1", 10],
    ["192.0.2.99", 900],
    ["192.0.2.7", 12],
    ["2001:db8:1:2::3", 5],
  ] as const) {
    trips.add(bytesOf(client), ms, 0);
  }
  assert.deepEqual(trips.report(1), [
    { prefix: "192.0.2.0/24", ms: 12, samples: 3 },
    { prefix: "2001:db8:1::/48", ms: 5, samples: 1 },
  ]);
});

test("the newest connections count, for an hour", () => {
  const trips = new PrefixRoundTrips();
  const client = bytesOf("192.0.2.1");
  for (let n = 0; n < 100; n += 1) trips.add(client, n, n);
  assert.deepEqual(trips.report(100), [{ prefix: "192.0.2.0/24", ms: 84, samples: 31 }]);
  assert.deepEqual(trips.report(3_600_098)[0], { prefix: "192.0.2.0/24", ms: 99, samples: 1 });
  assert.deepEqual(trips.report(3_600_099), []);
});

test("networks have a limit, and that measured longest ago leaves", () => {
  const trips = new PrefixRoundTrips();
  const network = (n: number) => Uint8Array.of(10, n >> 8, n & 0xff, 1);
  for (let n = 0; n < PREFIXES_MAX; n += 1) trips.add(network(n), 1, 0);
  for (let n = 0; n < REPORTED_MAX; n += 1) trips.add(network(n), 1, 0);
  trips.add(network(PREFIXES_MAX), 1, 0);
  const reported = trips.report(1);
  assert.equal(reported.length, REPORTED_MAX);
  assert.ok(reported.every(({ samples }) => samples === 2));
});

test("lines of ss: addresses of both families, and nothing without a figure", () => {
  const head = "0      0      127.0.10.1:8080";
  const rest = "bbr wscale:10,10 rto:204 rtt:0.02/0.009 mss:32768";
  const text = [
    `${head} 192.0.2.7:38174 ${rest} minrtt:12.516 snd_wnd:65536`,
    `0 0 [2001:db8::1]:8080 [2001:db8::7]:4711 ${rest} minrtt:3 snd_wnd:65536 `,
    `${head} [::ffff:192.0.2.8]:1 ${rest} minrtt:0.5`,
    `0 0 [fe80::1%eth0]:8080 [fe80::2%eth0]:2 ${rest} minrtt:1`,
    `${head} 192.0.2.9:3 ${rest}`,
    "garbage minrtt:7",
    "",
  ].join("\n");
  assert.deepEqual(
    readSockets(text).map(({ id, client, ms }) => [id, client.length, client.at(-1), ms]),
    [
      ["192.0.2.7:38174", 4, 7, 12.516],
      ["[2001:db8::7]:4711", 16, 7, 3],
      ["[::ffff:192.0.2.8]:1", 4, 8, 0.5],
      ["[fe80::2%eth0]:2", 16, 2, 1],
    ],
  );
});
