import { type Board, graph } from "./board.ts";
import { hitRatio, quantile, rate } from "./promql.ts";

const HERE = 'site=~"$site",edge=~"$edge"';
const ROUTED = 'site=~"$site"';
const HITS = `${HERE},cache="hit"`;
const MISSES = `${HERE},cache="miss"`;

/** What the owner of a site asks: is it there, is it fast, is it cached, who gets what. */
export const SITE: Board = {
  name: "site",
  title: "Meridian: site",
  description: "What the owner of a site asks: is it there, is it fast, is it cached.",
  variables: ["site", "edge"],
  sections: [
    {
      title: "Is it there",
      panels: [
        graph({
          title: "Answers by status class",
          description: "Of all answers to clients, from stores and origins.",
          unit: "reqps",
          stacked: true,
          queries: [[rate("edge_requests_total", { where: HERE, by: "code" }), "{{code}}"]],
        }),
        graph({
          title: "Share of 5xx",
          description: "In the windows that the alerts on availability look at. All edges.",
          unit: "percentunit",
          queries: ["5m", "1h", "6h", "3d"].map((window) => [
            `site:edge_errors:ratio_rate${window}{site=~"$site"}`,
            `{{site}} ${window}`,
          ]),
        }),
        graph({
          title: "Refused by what protects the site",
          description: "By reason: addresses, rates, signatures and sizes.",
          unit: "reqps",
          queries: [
            {
              expr: rate("edge_refused_total", { where: HERE, by: "reason" }),
              legend: "{{reason}}",
              emptyWhen: "no site has protection, or it has refused nobody yet",
            },
          ],
        }),
      ],
    },
    {
      title: "Is it fast",
      panels: [
        graph({
          title: "First byte",
          description: "A hit shows the edge; a miss shows the way to the origin.",
          unit: "s",
          queries: [
            [quantile(0.5, "edge_first_byte_seconds", { where: HITS }), "hit p50"],
            [quantile(0.99, "edge_first_byte_seconds", { where: HITS }), "hit p99"],
            [quantile(0.5, "edge_first_byte_seconds", { where: MISSES }), "miss p50"],
            [quantile(0.99, "edge_first_byte_seconds", { where: MISSES }), "miss p99"],
          ],
        }),
        graph({
          title: "Last byte",
          description: "The whole answer, as fast as clients take it.",
          unit: "s",
          queries: [
            [quantile(0.5, "edge_request_duration_seconds", { where: HERE }), "p50"],
            [quantile(0.99, "edge_request_duration_seconds", { where: HERE }), "p99"],
          ],
        }),
        graph({
          title: "First byte after more than a second",
          description: "Share of answers, in the windows of the alerts. All edges.",
          unit: "percentunit",
          queries: ["5m", "1h", "6h", "3d"].map((window) => [
            `site:edge_slow_first_byte:ratio_rate${window}{site=~"$site"}`,
            `{{site}} ${window}`,
          ]),
        }),
      ],
    },
    {
      title: "Is it cached",
      panels: [
        graph({
          title: "Requests by cache status",
          description: "How the cache took part.",
          unit: "reqps",
          stacked: true,
          queries: [[rate("edge_requests_total", { where: HERE, by: "cache" }), "{{cache}}"]],
        }),
        graph({
          title: "Hit ratio",
          description: "Now, and in the windows of the alert HitRatioCollapse (all edges).",
          unit: "percentunit",
          queries: [
            [hitRatio("edge_requests_total", { where: HERE }), "requests"],
            [hitRatio("edge_response_bytes_total", { where: HERE }), "bytes"],
            ['site:edge_hits:ratio_rate30m{site=~"$site"}', "{{site}} 30m"],
            ['site:edge_hits:ratio_rate1d{site=~"$site"}', "{{site}} 1d"],
          ],
        }),
        graph({
          title: "Sent to clients by cache status",
          description: "Bodies, in bits per second.",
          unit: "bps",
          stacked: true,
          queries: [
            [`8 * ${rate("edge_response_bytes_total", { where: HERE, by: "cache" })}`, "{{cache}}"],
          ],
        }),
      ],
    },
    {
      title: "Where do its clients go",
      panels: [
        graph({
          title: "Requests by edge",
          description: "Where they arrive.",
          unit: "reqps",
          stacked: true,
          queries: [[rate("edge_requests_total", { where: HERE, by: "edge" }), "{{edge}}"]],
        }),
        graph({
          title: "Steered, by PoP",
          description: "Which PoP DNS answered.",
          unit: "reqps",
          stacked: true,
          queries: [[rate("dns_steered_total", { where: ROUTED, by: "pop" }), "{{pop}}"]],
        }),
        graph({
          title: "Steered, by reason",
          description: "Why that PoP: failover and all-down deserve a look.",
          unit: "reqps",
          stacked: true,
          queries: [[rate("dns_steered_total", { where: ROUTED, by: "reason" }), "{{reason}}"]],
        }),
      ],
    },
  ],
};
