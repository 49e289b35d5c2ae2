import type { IpBytes } from "../../common/ip.ts";
import type { DatabaseSource } from "../geo/database.ts";
import type { LocatedIn } from "../geo/locate.ts";
import { runAside } from "./aside.ts";
import type { LocateOrder } from "./locate-worker.ts";

/** Those who wait at one time; the next is told that nobody knows. */
const WAITING_MAX = 16;

/**
 * Finds out for explanations where databases put an address, in a thread that ends when it has said
 * so: queries are answered meanwhile. One after the other, for each opens the files.
 */
export class Locator {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Undefined if no database knows, or if too many ask. Never rejects. */
  async locate(
    databases: readonly DatabaseSource[],
    bytes: IpBytes,
  ): Promise<LocatedIn | undefined> {
    if (databases.length === 0 || this.#waiting >= WAITING_MAX) return undefined;
    this.#waiting += 1;
    const order: LocateOrder = { databases, bytes };
    const script = new URL("./locate-worker.ts", import.meta.url);
    const done = this.#last.then(() =>
      runAside<LocatedIn | null>(script, order, "looking up an address"),
    );
    this.#last = done;
    const located = await done;
    this.#waiting -= 1;
    return located.ok ? (located.value ?? undefined) : undefined;
  }
}
