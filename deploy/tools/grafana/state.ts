import { type Board, graph, upOrDown } from "./board.ts";
import { quantile, rate, series, sum } from "./promql.ts";

/** Whether changes and purges reach everybody, and how fast. */
export const STATE: Board = {
  name: "state",
  title: "Meridian: purge and state",
  description: "Whether changes and purges reach everybody, and how fast.",
  variables: ["edge", "router"],
  sections: [
    {
      title: "Purge",
      panels: [
        graph({
          title: "Purges",
          description: "That the last live edge has acknowledged.",
          unit: "ops",
          queries: [[rate("purge_latency_seconds"), "purges"]],
        }),
        graph({
          title: "Purge latency",
          description: "From accepted to the last live edge's acknowledgement.",
          unit: "s",
          queries: [
            [quantile(0.5, "purge_latency_seconds"), "p50"],
            [quantile(0.99, "purge_latency_seconds"), "p99"],
          ],
        }),
        graph({
          title: "Objects purged",
          description: "That have left a store; a purge is complete before they do.",
          unit: "ops",
          queries: [
            [
              rate("edge_evictions_total", { where: 'edge=~"$edge",reason="purged"', by: "edge" }),
              "{{edge}}",
            ],
          ],
        }),
        graph({
          title: "Purges remembered",
          description: "Prefixes and tags; folded ones have become a purge of the whole site.",
          unit: "short",
          width: 12,
          queries: [
            [sum("edge_purge_marks", { where: 'edge=~"$edge"', by: "edge" }), "{{edge}}"],
            [
              sum("edge_purge_marks_folded", { where: 'edge=~"$edge"', by: "edge" }),
              "{{edge}} folded",
            ],
          ],
        }),
        graph({
          title: "API requests",
          description: "Of people, tools and the console page.",
          unit: "reqps",
          width: 12,
          queries: [
            [rate("control_requests_total", { by: "method, code" }), "{{method}} {{code}}"],
          ],
        }),
      ],
    },
    {
      title: "State",
      panels: [
        upOrDown({
          title: "State store, as daemons see it",
          description: "Down: they serve on, but hear of no change.",
          queries: [[series("state_up"), "{{job}} {{instance}}"]],
        }),
        graph({
          title: "Changes not applied yet",
          description: "Above zero for a minute: the alert StateLagging.",
          unit: "short",
          width: 12,
          queries: [[series("state_lag_versions"), "{{job}} {{instance}}"]],
        }),
        graph({
          title: "Changes of sites that wait for edges",
          description: "They are not in DNS yet, because edges get them first.",
          unit: "short",
          queries: [[series("dns_rollouts_waiting", 'instance=~"$router"'), "{{instance}}"]],
        }),
        graph({
          title: "Changes of sites that came to DNS",
          description: "Overdue: without the acknowledgement of all edges.",
          unit: "ops",
          queries: [
            {
              expr: rate("dns_rollouts_total", { where: 'instance=~"$router"', by: "result" }),
              legend: "{{result}}",
              emptyWhen: "no site was changed since the start",
            },
          ],
        }),
        graph({
          title: "Certificates",
          description: "Good, ended, and awaited ones.",
          unit: "short",
          queries: [
            {
              expr: `max by (state) (${series("control_certificates")})`,
              legend: "{{state}}",
              emptyWhen: "no site has a certificate from us",
            },
          ],
        }),
      ],
    },
  ],
};
