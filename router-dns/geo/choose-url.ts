import type { IpBytes } from "../../common/ip.ts";
import type { SteerReason } from "../steering.ts";
import type { Name } from "../wire/name.ts";
import {
  choosePop,
  leftWhenDown,
  locateClient,
  type SteerEdge,
  type SteerView,
  siteOf,
} from "./choose.ts";
import { nameSeed } from "./hash.ts";
import { pickEdges } from "./pick-edges.ts";

/** Where a request for a URL is sent. */
export type UrlChoice =
  | {
      readonly kind: "edge";
      readonly edge: SteerEdge;
      readonly pop: string;
      readonly reason: SteerReason;
    }
  /** Nothing is up, and the site names a host elsewhere. */
  | { readonly kind: "backup"; readonly target: Name }
  /** Nothing is up, and the site would rather answer nothing. */
  | { readonly kind: "none" };

/** What is asked for, and by whom. */
export interface UrlRequest {
  readonly site: string;
  /** All of its address is known. */
  readonly client: IpBytes;
  /** Path and query. */
  readonly target: string;
}

/**
 * Chooses the edge that has a URL, in the PoP that DNS would choose for the client (P).
 *
 * Within the PoP it is the first edge that is up in the order of the URL (weighted rendezvous
 * hashing): each URL is on one edge, and when one leaves only its URLs move. An edge with too much
 * load is passed over for a fraction of URLs instead of clients, always the same ones. With nothing
 * up the site's policy decides, as for DNS.
 */
export function chooseForUrl(view: SteerView, { site, client, target }: UrlRequest): UrlChoice {
  const prefixLength = client.length * 8;
  const place = locateClient(view.map, { bytes: client, prefixLength, source: "resolver" });
  const choice = choosePop(view, place);
  if (choice.home >= 0) {
    const { name = "", edges = [] } = view.pops[choice.pop] ?? {};
    const keeps = view.load?.keeps[choice.pop];
    const isUp = edges.map(({ standing }) => standing === "up");
    const up = edges.filter((_, i) => isUp[i]);
    const edge = ownerOf(
      up,
      `${site} ${target}`,
      keeps?.filter((_, i) => isUp[i]),
    );
    if (edge !== undefined) return { kind: "edge", edge, pop: name, reason: choice.reason };
  }
  const { allDown } = siteOf(view, site);
  if (allDown.kind === "backup") return { kind: "backup", target: allDown.target };
  const [left] = allDown.kind === "empty" ? [] : leftWhenDown(view, allDown.kind, place);
  const edge = left === undefined ? undefined : ownerOf(left.edges, `${site} ${target}`);
  if (left === undefined || edge === undefined) return { kind: "none" };
  return { kind: "edge", edge, pop: left.name, reason: "all-down" };
}

/**
 * Which of some edges a URL belongs to; undefined if there are none. Who is passed over because of
 * load is told by another hash than who comes first: with the same one an edge would lose nothing
 * but what is its own, and more of it than it should.
 */
function ownerOf(
  edges: readonly SteerEdge[],
  url: string,
  keeps?: readonly number[],
): SteerEdge | undefined {
  const clientHash = nameSeed(`load ${url}`);
  return pickEdges(edges, { siteSeed: nameSeed(url), count: 1, clientHash, keeps })[0];
}
