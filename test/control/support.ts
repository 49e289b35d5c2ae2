import assert from "node:assert/strict";
import type { SocketAddress } from "../../common/address.ts";
import { parseConfig } from "../../common/config/load.ts";
import type { Config } from "../../common/config/schema.ts";
import type { RunningDaemon } from "../../common/daemon.ts";
import { silentLogger } from "../../common/log.ts";
import { type SealingKey, sealingKeyOf } from "../../common/sealed.ts";
import type { AccessPolicy } from "../../control/access/access.ts";
import { errorAnswer, OPERATIONS } from "../../control/api/answers.ts";
import type { ControlConfig } from "../../control/api/context.ts";
import { roundTripCheck } from "../../control/cli/roles.ts";
import type { DemoEdges } from "../../control/demo-edges.ts";
import { startControl } from "../../control/server.ts";
import type { StateStore } from "../../state/store.ts";
import type { Scope } from "../support/scope.ts";

/** What the control server of a test seals private keys with. */
export const TEST_SEALING_KEY: SealingKey = sealingKeyOf(new Uint8Array(32).fill(7));

const ANY_PORT: SocketAddress = { host: "127.0.0.1", port: 0 };

/** A CDN of two edges and one site. */
export function smallConfig(): Config {
  const text = `
cdn: { domain: kingcdn.test, nameservers: [{ name: ns1.kingcdn.test, address: 127.0.0.1 }] }
pops:
  - { name: syd, location: [-33.87, 151.21], edges: [{ name: syd-1, address: 127.0.10.1 }] }
  - { name: fra, location: [50.11, 8.68], edges: [{ name: fra-1, address: 127.0.10.2 }] }
sites:
  - name: netcinema
    hosts: [video.netcinema.test]
    origin: { urls: ["http://192.0.2.1:9000"] }
`;
  const config = parseConfig(text, "small.yaml");
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  return config.value;
}

/** The part of it that the control server reads. */
export function smallControlConfig(): ControlConfig {
  const { cdn, pops, sites, router } = smallConfig();
  const { domain, nameservers } = cdn;
  const servers = { nameservers, dns: router.listen, routerAdmin: router.admin };
  return { domain, ttlSeconds: 20, pops, sites, ...servers };
}

/** An API answer: its status and its JSON. */
export interface ApiAnswer<T> {
  readonly status: number;
  readonly body: T;
}

/** Holds an answer against what the OpenAPI document promises of its operation. */
export function assertDocumented(method: string, path: string, answer: ApiAnswer<unknown>): void {
  if (answer.status >= 400) {
    errorAnswer.parse(answer.body);
    return;
  }
  const [target = ""] = path.split("?");
  const name = Object.keys(OPERATIONS).find((candidate) => {
    const [verb, template = ""] = candidate.split(" ");
    const pattern = new RegExp(`^${template.replace(/:\w+/g, "[^/]+")}$`);
    return verb === method && pattern.test(target);
  });
  const operation = OPERATIONS[name ?? ""];
  assert.ok(operation !== undefined, `${method} ${path} is documented`);
  const isDryRun = path.includes("dryRun=true");
  assert.equal(answer.status, isDryRun ? 200 : (operation.status ?? 200), `${method} ${path}`);
  const schema = isDryRun ? operation.dryRun : operation.answer;
  const parsed = schema?.safeParse(answer.body);
  assert.ok(parsed?.success === true, `${method} ${path}: ${parsed?.error?.message}`);
}

/** A running control server, and a way to call it. */
export interface ControlUnderTest {
  readonly daemon: RunningDaemon;
  readonly base: string;
  readonly call: <T>(method: string, path: string, body?: unknown) => Promise<ApiAnswer<T>>;
}

/** Starts a control server on free ports over a store. */
export async function startTestControl(
  scope: Scope,
  state: StateStore,
  options: {
    readonly config?: ControlConfig;
    readonly demo?: DemoEdges;
    readonly access?: AccessPolicy;
  } = {},
): Promise<ControlUnderTest> {
  const { config = smallControlConfig(), demo, access = { kind: "open" } } = options;
  const daemon = await startControl({
    listen: ANY_PORT,
    admin: ANY_PORT,
    config,
    state,
    access,
    sealingKey: TEST_SEALING_KEY,
    checkRoundTrips: roundTripCheck(config.pops),
    log: silentLogger,
    ...(demo === undefined ? {} : { demo }),
  });
  scope.after(() => daemon.stop(1_000));
  const base = `http://127.0.0.1:${daemon.addresses["api"]?.port}`;
  return {
    daemon,
    base,
    call: async <T>(method: string, path: string, body?: unknown): Promise<ApiAnswer<T>> => {
      const response = await fetch(`${base}/v1${path}`, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      });
      const answer = { status: response.status, body: (await response.json()) as T };
      assertDocumented(method, path, answer);
      return answer;
    },
  };
}
