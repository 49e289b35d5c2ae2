import { type Board, graph, stat, upOrDown } from "./board.ts";
import { hitRatio, quantile, rate, series, sum } from "./promql.ts";

const HERE = 'site=~"$site",edge=~"$edge"';

/** The whole CDN on one page: is it well, who uses it, where are they sent. */
export const OVERVIEW: Board = {
  name: "overview",
  title: "Meridian: CDN overview",
  description: "The whole CDN on one page: is it well, who uses it, and where are they sent.",
  variables: ["site", "edge"],
  sections: [
    {
      title: "At a glance",
      panels: [
        stat({
          title: "Hit ratio, requests",
          description: "Answers from a store, of all that could have been (bypass left out).",
          unit: "percentunit",
          limits: [0.8, 0.5],
          queries: [{ expr: hitRatio("edge_requests_total", { where: HERE }) }],
        }),
        stat({
          title: "Hit ratio, bytes",
          description: "The same by bytes: what origins need not send.",
          unit: "percentunit",
          limits: [0.8, 0.5],
          queries: [{ expr: hitRatio("edge_response_bytes_total", { where: HERE }) }],
        }),
        stat({
          title: "Requests",
          description: "Requests answered by all edges.",
          unit: "reqps",
          queries: [{ expr: rate("edge_requests_total", { where: HERE }) }],
        }),
        stat({
          title: "Sent to clients",
          description: "Bodies, in bits per second.",
          unit: "bps",
          queries: [{ expr: `8 * ${rate("edge_response_bytes_total", { where: HERE })}` }],
        }),
        stat({
          title: "Server errors",
          description: "Share of answers that are 5xx.",
          unit: "percentunit",
          limits: [0.001, 0.01],
          queries: [
            {
              expr: `(${rate("edge_requests_total", { where: `${HERE},code="5xx"` })} or vector(0)) / ${rate("edge_requests_total", { where: HERE })}`,
            },
          ],
        }),
        stat({
          title: "First byte, p99",
          description: "From the end of the request head to the response head, hits and misses.",
          unit: "s",
          limits: [0.5, 1],
          queries: [{ expr: quantile(0.99, "edge_first_byte_seconds", { where: HERE }) }],
        }),
        stat({
          title: "Edges in DNS",
          description: "Edges that routers believe to be up: the least that any router sees.",
          unit: "none",
          limits: [2, 1],
          queries: [{ expr: `min(${sum("dns_edge_health", { by: "instance" })})` }],
        }),
        stat({
          title: "DNS queries",
          description: "Queries to all routers.",
          unit: "reqps",
          queries: [{ expr: rate("dns_queries_total") }],
        }),
      ],
    },
    {
      title: "Sites",
      panels: [
        graph({
          title: "Requests, the ten busiest sites",
          description: "The dashboard Meridian: site shows one of them.",
          unit: "reqps",
          queries: [
            [`topk(10, ${rate("edge_requests_total", { where: HERE, by: "site" })})`, "{{site}}"],
          ],
        }),
        graph({
          title: "Hit ratio by site, half an hour",
          description: "What the alert HitRatioCollapse compares with the last day. All edges.",
          unit: "percentunit",
          queries: [['site:edge_hits:ratio_rate30m{site=~"$site"}', "{{site}}"]],
        }),
        graph({
          title: "Error budget burnt",
          description:
            "How many times faster than an objective of 99.9 % allows: errors of an hour, by site. The alert AvailabilityBurnFast begins at 14.4.",
          unit: "short",
          queries: [['site:edge_errors:ratio_rate1h{site=~"$site"} / 0.001', "{{site}}"]],
        }),
      ],
    },
    {
      title: "Places",
      panels: [
        graph({
          title: "Requests by PoP",
          description: "Where clients arrive.",
          unit: "reqps",
          stacked: true,
          queries: [[rate("edge_requests_total", { where: HERE, by: "pop" }), "{{pop}}"]],
        }),
        graph({
          title: "Steered, by PoP",
          description: "Where DNS sends them; one answer stands for all clients of a resolver.",
          unit: "reqps",
          stacked: true,
          queries: [[rate("dns_steered_total", { where: 'site=~"$site"', by: "pop" }), "{{pop}}"]],
        }),
        graph({
          title: "Load of PoPs",
          description: "By capacity, in the load plan of the routers: 1 is full.",
          unit: "percentunit",
          queries: [[`max by (pop) (${series("dns_pop_load")})`, "{{pop}}"]],
        }),
      ],
    },
    {
      title: "Health",
      panels: [
        upOrDown({
          title: "Edges, as routers see them",
          description: "Down also means draining: not answered to clients.",
          queries: [[`min by (edge) (${series("dns_edge_health")})`, "{{edge}}"]],
        }),
        upOrDown({
          title: "Origins, as edges see them",
          description: "Down while the last exchange of any edge with this origin failed.",
          queries: [
            [`min by (site, origin) (${series("edge_origin_up", HERE)})`, "{{site}} {{origin}}"],
          ],
        }),
      ],
    },
  ],
};
