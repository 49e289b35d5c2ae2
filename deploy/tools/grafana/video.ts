import { type Board, graph } from "./board.ts";
import { hitRatio, quantile, rate, series, sum } from "./promql.ts";

const HERE = 'site=~"$site",edge=~"$edge"';
const STORES = 'edge=~"$edge"';

/** Large objects: what players get, and how slices come and go. */
export const VIDEO: Board = {
  name: "video",
  title: "Meridian: video",
  description: "Large objects: what players get, and how slices of them come and go.",
  variables: ["site", "edge"],
  sections: [
    {
      title: "What players get",
      panels: [
        graph({
          title: "Sent to clients by cache status",
          description: "Bodies, in bits per second.",
          unit: "bps",
          stacked: true,
          queries: [
            [`8 * ${rate("edge_response_bytes_total", { where: HERE, by: "cache" })}`, "{{cache}}"],
          ],
        }),
        graph({
          title: "Hit ratio by bytes",
          description: "A seek into a large object that is partly stored counts as a miss.",
          unit: "percentunit",
          queries: [
            [hitRatio("edge_response_bytes_total", { where: HERE, by: "site" }), "{{site}}"],
          ],
        }),
        graph({
          title: "Bytes in an answer",
          description: "The mean: ranges of players are small, downloads are large.",
          unit: "bytes",
          queries: [
            [
              `${rate("edge_response_bytes_total", { where: HERE, by: "site" })} / ${rate("edge_requests_total", { where: HERE, by: "site" })}`,
              "{{site}}",
            ],
          ],
        }),
        graph({
          title: "Begin and end of answers, p99",
          description: "A first byte that is late is a player that stalls.",
          unit: "s",
          queries: [
            [quantile(0.99, "edge_first_byte_seconds", { where: HERE }), "first byte"],
            [quantile(0.99, "edge_request_duration_seconds", { where: HERE }), "last byte"],
          ],
        }),
        graph({
          title: "Clients on another's fill",
          description: "Many at the same slice make one request.",
          unit: "short",
          queries: [[sum("edge_fill_waiters", { where: STORES, by: "edge" }), "{{edge}}"]],
        }),
        graph({
          title: "Readers cut off",
          description: "They read slowly, and what they read had left the store.",
          unit: "ops",
          queries: [[rate("edge_cut_bodies_total", { where: STORES, by: "edge" }), "{{edge}}"]],
        }),
      ],
    },
    {
      title: "Slices",
      panels: [
        graph({
          title: "Fetches of slices by result",
          description:
            "Range requests to origins. Changed: the object was replaced there meanwhile.",
          unit: "ops",
          queries: [[rate("edge_slice_fills_total", { where: HERE, by: "result" }), "{{result}}"]],
        }),
        graph({
          title: "Slices and objects in store",
          description: "Each slice counts as an object.",
          unit: "short",
          queries: [[sum("edge_store_objects", { where: STORES, by: "tier" }), "{{tier}}"]],
        }),
        graph({
          title: "Evicted for space",
          description:
            "Much of it, and a small hit ratio: the store is too small for what is watched.",
          unit: "ops",
          queries: [
            {
              expr: rate("edge_evictions_total", {
                where: `${STORES},reason="space"`,
                by: "edge, tier",
              }),
              legend: "{{edge}} {{tier}}",
              emptyWhen: "no store is full",
            },
          ],
        }),
        graph({
          title: "Store and its limit",
          description: "Of all edges.",
          unit: "bytes",
          width: 24,
          queries: [
            [`sum by (tier) (${series("edge_store_bytes", STORES)})`, "{{tier}}"],
            [`sum by (tier) (${series("edge_store_limit_bytes", STORES)})`, "{{tier}} limit"],
          ],
        }),
      ],
    },
  ],
};
