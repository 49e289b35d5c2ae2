import { toMapPop } from "../../router-dns/data/snapshot.ts";
import { compileMap } from "../../router-dns/geo/compile.ts";
import { noCoverage } from "../../router-dns/geo/coverage.ts";
import type { Locations } from "../../router-dns/geo/database.ts";
import { seeded } from "../map/pops.ts";
import { clientsOf } from "./clients.ts";
import { popsOf } from "./pops.ts";
import { Replay } from "./replay.ts";
import type { Scenario } from "./scenario.ts";

/**
 * Puts a scenario and the IPv4 half of a database together (P). Throws a DamagedDatabaseError, and
 * an Error if the database has no IPv4.
 */
export function replayOf(scenario: Scenario, locations: Locations, networksMax: number): Replay {
  const located = locations.v4?.((place) => place);
  if (located === undefined) throw new Error("the database knows no IPv4");
  const { places } = locations;
  const { damping } = scenario.demand;
  const clients = clientsOf({ located, places }, { damping, most: networksMax });
  const weights = new Float64Array(places.count + 1);
  for (const [network, place] of clients.places.entries()) {
    weights[place] = (weights[place] ?? 0) + (clients.weights[network] ?? 0);
  }
  const pops = popsOf(scenario, places, weights);
  const map = compileMap({ pops: pops.map(toMapPop), locations, coverage: noCoverage() });
  return new Replay({
    scenario,
    pops,
    map,
    places: { located, places },
    clients,
    weights,
    random: seeded(scenario.seed),
  });
}
