import { type Board, graph, stat, upOrDown } from "./board.ts";
import { quantile, rate, series, sum } from "./promql.ts";

const HERE = 'site=~"$site",edge=~"$edge"';
const FAILED = `${HERE},result=~"error|timeout"`;

/** What reaches origins, how long they take, and what they fail at. */
export const ORIGIN: Board = {
  name: "origin",
  title: "Meridian: origin",
  description: "What reaches origins, how long they take, and what they fail at.",
  variables: ["site", "edge"],
  sections: [
    {
      title: "At a glance",
      panels: [
        stat({
          title: "Fetches",
          description: "Fills and revalidations of all edges.",
          unit: "reqps",
          width: 6,
          queries: [{ expr: rate("edge_fills_total", { where: HERE }) }],
        }),
        stat({
          title: "Requests that needed the origin",
          description: "Fetches by requests of clients: 1 without a cache.",
          unit: "percentunit",
          limits: [0.2, 0.5],
          width: 6,
          queries: [
            {
              expr: `${rate("edge_fills_total", { where: HERE })} / ${rate("edge_requests_total", { where: HERE })}`,
            },
          ],
        }),
        stat({
          title: "Failed fetches",
          description: "Errors and time-outs; the alert OriginErrors begins at 5 %.",
          unit: "percentunit",
          limits: [0.01, 0.05],
          width: 6,
          queries: [
            {
              expr: `(${rate("edge_fills_total", { where: FAILED })} or vector(0)) / ${rate("edge_fills_total", { where: HERE })}`,
            },
          ],
        }),
        stat({
          title: "First byte of misses, p99",
          description: "The way to the origin, and its own time.",
          unit: "s",
          limits: [1, 5],
          width: 6,
          queries: [
            { expr: quantile(0.99, "edge_first_byte_seconds", { where: `${HERE},cache="miss"` }) },
          ],
        }),
      ],
    },
    {
      title: "Fetches",
      panels: [
        graph({
          title: "Fills by result",
          description: "One fill serves any number of waiting clients.",
          unit: "ops",
          queries: [[rate("edge_fills_total", { where: HERE, by: "result" }), "{{result}}"]],
        }),
        graph({
          title: "Fills by site",
          description: "Who makes the work.",
          unit: "ops",
          queries: [
            [`topk(10, ${rate("edge_fills_total", { where: HERE, by: "site" })})`, "{{site}}"],
          ],
        }),
        graph({
          title: "Clients that wait for another's fill",
          description: "They cost the origin nothing.",
          unit: "short",
          queries: [[sum("edge_fill_waiters", { where: 'edge=~"$edge"', by: "edge" }), "{{edge}}"]],
        }),
        graph({
          title: "First byte of misses by edge, p50",
          description: "How far each edge is from the origin.",
          unit: "s",
          width: 12,
          queries: [
            [
              quantile(0.5, "edge_first_byte_seconds", {
                where: `${HERE},cache="miss"`,
                by: "edge",
              }),
              "{{edge}}",
            ],
          ],
        }),
        graph({
          title: "Requests to the demo origin",
          description: "As the origin itself counts them. Your own is not scraped by Meridian.",
          unit: "reqps",
          width: 12,
          queries: [[rate("origin_requests_total", { by: "code" }), "{{code}}"]],
        }),
        upOrDown({
          title: "Origins, as edges see them",
          description: "Up while the last exchange with the origin worked.",
          width: 24,
          queries: [[series("edge_origin_up", HERE), "{{edge}} {{site}} {{origin}}"]],
        }),
      ],
    },
  ],
};
