import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { loadConfig } from "../../../common/config/load.ts";
import type { Config } from "../../../common/config/schema.ts";
import { optionThatMoves, planDemo } from "../../../control/cli/demo-plan.ts";
import { demoScreen } from "../../../control/cli/demo-screen.ts";
import { REPOSITORY } from "../../support/process.ts";

function demoConfig(): Config {
  const config = loadConfig(join(REPOSITORY, "deploy", "demo", "demo.yaml"));
  assert.ok(config.ok);
  return config.value;
}

const listening = (config: Config) =>
  config.pops.flatMap((pop) => pop.edges.map((edge) => `${edge.address}:${edge.port}`));

describe("the plan of the demo", () => {
  it("is where the documents say, when nothing is moved", () => {
    const { config, origin } = planDemo(demoConfig(), {}, "addresses");
    assert.deepEqual(listening(config), [
      "127.0.10.1:8080",
      "127.0.10.2:8080",
      "127.0.10.3:8080",
      "127.0.10.4:8080",
      "127.0.10.5:8080",
    ]);
    assert.deepEqual(config.router.listen, [{ host: "127.0.0.1", port: 5300 }]);
    assert.deepEqual(config.control.listen, { host: "127.0.0.1", port: 9090 });
    assert.deepEqual(origin, { host: "127.0.0.1", port: 9000 });
    assert.deepEqual(config.sites[0]?.origin.urls, ["http://127.0.0.1:9000"]);
  });

  it("gives each edge a port where the machine has only 127.0.0.1, and says so", () => {
    const plan = planDemo(demoConfig(), {}, "ports");
    assert.deepEqual(
      listening(plan.config),
      [8081, 8082, 8083, 8084, 8085].map((port) => `127.0.0.1:${port}`),
    );
    const screen = demoScreen(plan, 1_000);
    assert.match(screen, /cannot bind 127\.0\.10\.1/);
    assert.match(screen, /curl .*http:\/\/127\.0\.0\.1:8081\//);
  });

  it("moves everything that an option names, and the site's origin with it", () => {
    const at = (port: number) => ({ host: "127.0.0.1", port });
    const moves = { dns: at(1), control: at(2), origin: at(3), edgePort: 4, edgeAdminPort: 5 };
    const plan = planDemo(
      demoConfig(),
      { ...moves, routerAdmin: at(6), controlAdmin: at(7) },
      "addresses",
    );
    const { config } = plan;
    assert.deepEqual([config.router.listen, config.router.admin], [[at(1)], at(6)]);
    assert.deepEqual([config.control.listen, config.control.admin], [at(2), at(7)]);
    assert.deepEqual(config.sites[0]?.origin.urls, ["http://127.0.0.1:3"]);
    assert.equal(config.pops[4]?.edges[0]?.port, 4);
    assert.deepEqual(config.pops[4]?.edges[0]?.admin, { host: "127.0.10.5", port: 5 });
    assert.match(demoScreen(plan, 1_000), /--api http:\/\/127\.0\.0\.1:2$/m);
  });

  it("knows the option that moves each address", () => {
    const plan = planDemo(demoConfig(), {}, "addresses");
    const option = (host: string, port: number) => optionThatMoves({ host, port }, plan);
    assert.equal(option("127.0.0.1", 5300), "--dns 127.0.0.1:PORT");
    assert.equal(option("127.0.0.1", 9153), "--router-admin 127.0.0.1:PORT");
    assert.equal(option("127.0.0.1", 9090), "--control 127.0.0.1:PORT");
    assert.equal(option("127.0.0.1", 9091), "--control-admin 127.0.0.1:PORT");
    assert.equal(option("127.0.0.1", 9000), "--origin 127.0.0.1:PORT");
    assert.equal(option("127.0.0.1", 9001), "--origin-admin 127.0.0.1:PORT");
    assert.equal(option("127.0.10.3", 8080), "--edge-port PORT");
    assert.equal(option("127.0.10.3", 9101), "--edge-admin-port PORT");
    assert.equal(option("127.0.0.1", 8080), undefined);
  });
});
