import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { it } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { listenTcp } from "../../../common/listen.ts";
import { systemRandom } from "../../../common/random.ts";
import { unseal } from "../../../common/sealed.ts";
import { Authority, newKey } from "../../../control/acme/authority.ts";
import { AuthorityError } from "../../../control/acme/http.ts";
import { getCertificate, type OrderWork } from "../../../control/acme/order.ts";
import type { OrderRecord, RecordChange } from "../../../state/certificates.ts";
import { freePort } from "../../support/free-port.ts";
import { startPebble } from "../../support/pebble.ts";
import { startProcess } from "../../support/process.ts";
import type { Scope } from "../../support/scope.ts";
import { TEST_SEALING_KEY } from "../support.ts";

const HOST = "www.shop.example";
const WANTED = { name: "acme.shop", site: "shop", hosts: [HOST], challenge: "http-01" } as const;

/** Pebble, a name server for which every host is this machine, and an edge as small as can be. */
async function start(scope: Scope) {
  const shown = new Map<string, string>();
  const edge = createServer((request, response) => {
    response.end(shown.get(request.url?.split("/").at(-1) ?? "") ?? "nothing");
  });
  const { port: httpPort } = await listenTcp(edge, { host: "127.0.0.1", port: 0 }, "edge");
  scope.after(() => {
    edge.close();
    edge.closeAllConnections();
  });
  const dns = { host: "127.0.0.1", port: await freePort() };
  const off = ["http01", "https01", "tlsalpn01"].flatMap((name) => [`-${name}`, ""]);
  const names = ["-dns01", `127.0.0.1:${dns.port}`, "-defaultIPv4", "127.0.0.1"];
  const management = ["-management", `127.0.0.1:${await freePort()}`, "-defaultIPv6", ""];
  const server = startProcess(scope, {
    command: "pebble-challtestsrv",
    args: [...off, ...names, ...management],
  });
  await server.waitForLine("stdout", (line) => /management server/i.test(line) || undefined);
  const pebble = await startPebble(scope, { dns, httpPort, validitySeconds: 3_600 });
  const authority = new Authority({
    directory: pebble.directory,
    ca: readFileSync(pebble.ca, "utf8"),
    accountKey: await newKey(),
    signal: new AbortController().signal,
  });
  scope.after(() => authority.close());
  await authority.register(undefined);
  const changes: RecordChange[] = [];
  const work: OrderWork = {
    authority,
    directory: pebble.directory,
    wanted: WANTED,
    before: undefined,
    sealingKey: TEST_SEALING_KEY,
    clock: systemClock,
    random: systemRandom,
    signal: new AbortController().signal,
    put: async (change) => {
      changes.push(change);
      if (change.kind === "challenge-put")
        shown.set(change.challenge.token, change.challenge.value);
      if (change.kind === "challenge-remove") shown.delete(change.challenge);
      return changes.length;
    },
    applied: async () => {},
  };
  const orders = () => pebble.lines.filter((line) => line.includes("/order-plz")).length;
  return { pebble, work, changes, shown, orders };
}

it("who leads next goes on with an order where a leader died, with the key of the store", async (t) => {
  const { work, changes, shown, orders } = await start(t);
  const dead = new Error("killed");
  const applied = () => Promise.reject(dead);
  await assert.rejects(getCertificate({ ...work, applied }), (error) => error === dead);
  const put = changes.find((change) => change.kind === "order-put");
  assert.ok(put?.order.url !== undefined && put.order.key !== undefined);
  const asked = orders();
  assert.ok(asked > 0);

  const certificate = await getCertificate({ ...work, before: put.order });
  assert.equal(orders(), asked, "no other order was made");
  assert.equal(certificate.key, put.order.key);
  assert.deepEqual(certificate.hosts, [HOST]);
  assert.ok(certificate.notAfter - certificate.notBefore <= 3_601_000);
  assert.match(certificate.chain, /^-----BEGIN CERTIFICATE-----[^]*-----BEGIN CERTIFICATE-----/);
  assert.equal(unseal(TEST_SEALING_KEY, "acme.shop", certificate.key).ok, true);
  assert.deepEqual(
    changes.slice(-3).map(({ kind }) => kind),
    ["certificate-put", "order-remove", "challenge-remove"],
  );
  assert.equal(shown.size, 0, "nothing is shown any longer than needed");

  // One that the authority does not know, as after it lost its data, is ordered anew.
  const lost: OrderRecord = { ...put.order, url: `${put.order.url}0` };
  const again = await getCertificate({ ...work, before: lost });
  assert.notEqual(again.key, certificate.key);
  assert.ok(orders() > asked);
});

it("an authority that does not believe says why, by host", async (t) => {
  const { work, changes } = await start(t);
  const put: OrderWork["put"] = async (change) => changes.push(change);
  await assert.rejects(getCertificate({ ...work, put }), (error) => {
    assert.ok(error instanceof AuthorityError);
    assert.match(error.message, /^www\.shop\.example: .*key authorization/i);
    return true;
  });
  assert.equal(changes.at(-1)?.kind, "challenge-remove");
  assert.ok(!changes.some(({ kind }) => kind === "certificate-put"));
});
