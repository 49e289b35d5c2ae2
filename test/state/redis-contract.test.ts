import { silentLogger } from "../../common/log.ts";
import { openRedisState } from "../../state/redis.ts";
import type { StateStore } from "../../state/store.ts";
import { stateContract, until } from "../contract/state-contract.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";

let server: RedisServer | undefined;

async function connected(): Promise<StateStore> {
  server ??= await startRedis();
  const store = openRedisState({ url: server.url, log: silentLogger });
  await until(() => store.isUp(), "Redis");
  return store;
}

stateContract("Redis", {
  open: connected,
  beside: connected,
  dispose: async () => server?.stop(),
});
