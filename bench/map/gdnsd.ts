import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { MapPop } from "../../router-dns/geo/compile.ts";
import { searchPath } from "../../test/support/peers.ts";

/** What gdnsd says about one address. */
export interface GdnsdAnswer {
  /** Names, best first: the three closest. */
  readonly pops: readonly string[];
  readonly scopePrefixLength: number;
}

/**
 * Asks gdnsd's own tool, which runs the code of its geoip plugin, about addresses: a map by
 * distance (`auto_dc_coords`) over a database of MaxMind's city schema. Files go into `folder`.
 */
export async function askGdnsd(
  folder: string,
  order: { readonly database: string; readonly pops: readonly MapPop[] },
  addresses: readonly string[],
): Promise<readonly GdnsdAnswer[]> {
  const names = order.pops.map(({ name }) => name).join(",");
  const coordinates = order.pops
    .map(({ name, place }) => `${name} => [${place.latitude},${place.longitude}]`)
    .join(", ");
  mkdirSync(join(folder, "geoip"), { recursive: true });
  const map = `geoip2_db => ${order.database}, datacenters => [${names}], auto_dc_coords => { ${coordinates} }`;
  writeFileSync(
    join(folder, "config"),
    `plugins => { geoip => { maps => { auto => { ${map} } } } }\n`,
  );
  const tool = spawn("gdnsd_geoip_test", ["-c", folder], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, PATH: searchPath() },
  });
  tool.stdin.end(addresses.map((address) => `auto ${address}\n`).join(""));
  const answers: GdnsdAnswer[] = [];
  for await (const line of createInterface({ input: tool.stdout })) {
    const match = /=> \S+\/(\d+) => (.*)$/.exec(line);
    if (match === null) continue;
    answers.push({
      scopePrefixLength: Number(match[1]),
      pops: (match[2] ?? "").split(",").map((name) => name.trim()),
    });
  }
  return answers;
}
