import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { formatSocketAddress, type SocketAddress } from "../../common/address.ts";
import { silentLogger } from "../../common/log.ts";
import { startOrigin } from "../../origin/server.ts";
import { answerData, dig } from "../support/dig.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { fetchAt } from "../support/http.ts";
import { type RunningProcess, startMeridian } from "../support/process.ts";
import { atEnd, suiteScope } from "../support/scope.ts";

/** The promise at default settings, and how long coming back may take. */
const AWAY_MS_MAX = 3_000;
const BACK_MS_MAX = 3_000;
const ROUNDS = 3;
const POLL_MS = 20;

const SYDNEY_CLIENT = "129.94.0.0/24";
const REGIONS = [
  { name: "syd", address: "127.0.20.1", place: "-33.87,151.21" },
  { name: "nrt", address: "127.0.20.2", place: "35.77,140.39" },
  { name: "fra", address: "127.0.20.3", place: "50.11,8.68" },
] as const;
const [SYD, NRT] = REGIONS;

describe("an edge that dies", () => {
  const scope = suiteScope();
  const edges = new Map<string, RunningProcess>();
  let origin: SocketAddress;
  let dns: SocketAddress;
  let port: number;

  before(async () => {
    const listen = { host: "127.0.0.1", port: 0 };
    const daemon = await startOrigin({ listen, log: silentLogger });
    atEnd(scope, () => daemon.stop(0));
    assert.ok(daemon.addresses["http"]);
    origin = daemon.addresses["http"];
    port = await freePort(SYD.address);
    await Promise.all(REGIONS.map(({ address }) => startEdge(address)));
    const args = ["router", "--listen", "127.0.0.1:0", "--zone", "kingcdn.test"];
    args.push("--probe", `http:${port}/healthz`);
    for (const { name, address, place } of REGIONS) {
      args.push("--edge", `${name}=${address}@${place}`);
    }
    const { ready } = await startMeridian(scope, args);
    dns = (ready["addresses"] as { dns: SocketAddress }).dns;
  });

  async function startEdge(address: string): Promise<void> {
    const listen = formatSocketAddress({ host: address, port });
    const url = `http://${formatSocketAddress(origin)}`;
    const args = ["edge", "--listen", listen, "--origin", url, "--memory", "16MiB"];
    edges.set(address, (await startMeridian(scope, args)).child);
  }

  function edge(address: string): RunningProcess {
    const child = edges.get(address);
    assert.ok(child);
    return child;
  }

  async function addresses(): Promise<string[]> {
    const question = { server: dns.host, port: dns.port, name: "any.kingcdn.test" };
    const answer = await dig({ ...question, subnet: SYDNEY_CLIENT });
    assert.equal(answer.status, "NOERROR", answer.text);
    return answerData(answer, "A");
  }

  async function named(): Promise<string> {
    return (await addresses())[0] ?? "none";
  }

  /** Milliseconds until DNS names the address. */
  async function untilNamed(address: string, msMax: number): Promise<number> {
    const started = performance.now();
    while ((await named()) !== address) {
      const waited = performance.now() - started;
      assert.ok(waited <= msMax, `after ${Math.round(waited)} ms DNS does not name ${address}`);
      await delay(POLL_MS);
    }
    return Math.round(performance.now() - started);
  }

  it("is named while it lives, and delivers", async () => {
    assert.equal(await named(), SYD.address);
    const at = { host: SYD.address, port };
    const response = await fetchAt("http://any.kingcdn.test/poster.svg", { at });
    assert.equal(response.status, 200);
  });

  it("is replaced by the next closest within 3 s of SIGKILL, and comes back", async (t) => {
    const [away, back]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      await edge(SYD.address).kill();
      away.push(await untilNamed(NRT.address, AWAY_MS_MAX));
      await startEdge(SYD.address);
      back.push(await untilNamed(SYD.address, BACK_MS_MAX));
    }
    t.diagnostic(
      `killed: next closest after ${away.join(", ")} ms, back after ${back.join(", ")} ms`,
    );
  });

  it("is replaced within 3 s even if it only stops answering", async (t) => {
    edge(SYD.address).signal("SIGSTOP");
    atEnd(t, () => edge(SYD.address).signal("SIGCONT"));
    const away = await untilNamed(NRT.address, AWAY_MS_MAX);
    edge(SYD.address).signal("SIGCONT");
    const back = await untilNamed(SYD.address, BACK_MS_MAX);
    t.diagnostic(`frozen: next closest after ${away} ms, back after ${back} ms`);
  });

  it("is still named when all have died: the default policy answers with everybody", async () => {
    for (const { address } of REGIONS) await edge(address).kill();
    const everybody = REGIONS.map(({ address }) => address);
    await eventually("everybody is named", async () => {
      assert.deepEqual((await addresses()).toSorted(), everybody);
    });
  });
});
