import { type Board, graph, upOrDown } from "./board.ts";
import { quantile, rate, series, sum } from "./promql.ts";

const HERE = 'instance=~"$router"';
const SIGNED = "no zone is signed";
const TRANSFERS = "no zone is transferred";

/** What the operator of the DNS asks: what is answered, how fast, where to, what is held back. */
export const ROUTER: Board = {
  name: "router",
  title: "Meridian: DNS router",
  description: "What is answered and how fast, where clients are sent, and what is held back.",
  variables: ["router"],
  sections: [
    {
      title: "Answers",
      panels: [
        graph({
          title: "Queries by response code",
          description: "Anything but NOERROR and NXDOMAIN deserves a look.",
          unit: "reqps",
          stacked: true,
          queries: [[rate("dns_queries_total", { where: HERE, by: "rcode" }), "{{rcode}}"]],
        }),
        graph({
          title: "Queries by transport and type",
          description: "Rare types count as other.",
          unit: "reqps",
          queries: [
            [
              rate("dns_queries_total", { where: HERE, by: "transport, type" }),
              "{{transport}} {{type}}",
            ],
          ],
        }),
        graph({
          title: "Time per query",
          description: "From a packet in hand to its answer handed to the socket.",
          unit: "s",
          queries: [
            [
              quantile(0.5, "dns_query_duration_seconds", { where: HERE, by: "transport" }),
              "{{transport}} p50",
            ],
            [
              quantile(0.99, "dns_query_duration_seconds", { where: HERE, by: "transport" }),
              "{{transport}} p99",
            ],
          ],
        }),
      ],
    },
    {
      title: "Steering",
      panels: [
        graph({
          title: "Steered, by reason",
          description: "Why that PoP: failover and all-down deserve a look.",
          unit: "reqps",
          stacked: true,
          queries: [[rate("dns_steered_total", { where: HERE, by: "reason" }), "{{reason}}"]],
        }),
        graph({
          title: "Load and demand of PoPs",
          description: "Demand: if each had its own clients and nobody else's. 1 is full.",
          unit: "percentunit",
          queries: [
            [`max by (pop) (${series("dns_pop_load", HERE)})`, "{{pop}} load"],
            [`max by (pop) (${series("dns_pop_demand", HERE)})`, "{{pop}} demand"],
          ],
        }),
        graph({
          title: "Clients sent elsewhere",
          description: "Share of its own clients that a PoP gives away because of its load.",
          unit: "percentunit",
          queries: [[`max by (pop) (${series("dns_pop_shed", HERE)})`, "{{pop}}"]],
        }),
        upOrDown({
          title: "Edges, as this router believes",
          description: "Down also means draining: not answered to clients.",
          queries: [[series("dns_edge_health", HERE), "{{instance}} {{edge}}"]],
        }),
        upOrDown({
          title: "Edges, as each router sees them",
          description: "The votes on health; a majority decides.",
          queries: [[series("dns_edge_vantage_health", HERE), "{{vantage}} {{edge}}"]],
        }),
        graph({
          title: "Redirected by HTTP",
          description: "For sites that are steered by redirect instead of DNS.",
          unit: "reqps",
          queries: [
            {
              expr: rate("dns_redirects_total", { where: HERE, by: "site, pop" }),
              legend: "{{site}} {{pop}}",
              emptyWhen: "no site is steered by redirects",
            },
          ],
        }),
        graph({
          title: "Steering map",
          description: "Prefixes in it.",
          unit: "short",
          queries: [[series("dns_map_prefixes", HERE), "{{instance}} {{family}}"]],
        }),
        graph({
          title: "What the router lacks",
          description:
            "0 when all is well: files of the map, figures on load, a majority of routers.",
          unit: "none",
          queries: [
            [series("dns_map_problems", HERE), "{{instance}} files of the map"],
            [series("dns_load_stale", HERE), "{{instance}} loads"],
            [`1 - ${series("dns_health_quorum", HERE)}`, "{{instance}} quorum"],
          ],
        }),
      ],
    },
    {
      title: "Held back",
      panels: [
        graph({
          title: "Response rate limiting",
          description: "Slip, badcookie and drop: somebody floods, or uses us to flood others.",
          unit: "reqps",
          queries: [[rate("dns_rrl_total", { where: HERE, by: "action" }), "{{action}}"]],
        }),
        graph({
          title: "DNS cookies",
          description: "What queries carry.",
          unit: "reqps",
          queries: [[rate("dns_cookies_total", { where: HERE, by: "standing" }), "{{standing}}"]],
        }),
        graph({
          title: "Before a query was read",
          description: "Connections ended and packets dropped, and errors of the kernel.",
          unit: "ops",
          queries: [
            {
              expr: rate("dns_refusals_total", { where: HERE, by: "transport, reason" }),
              legend: "{{transport}} {{reason}}",
              emptyWhen: "nobody was refused yet",
            },
            {
              expr: rate("dns_udp_errors_total", { where: HERE, by: "direction, error" }),
              legend: "{{direction}} {{error}}",
              emptyWhen: "the kernel has reported no error yet",
            },
          ],
        }),
        graph({
          title: "Connections",
          description: "Open client connections by transport.",
          unit: "short",
          queries: [[sum("dns_connections", { where: HERE, by: "transport" }), "{{transport}}"]],
        }),
        graph({
          title: "Threads",
          description: "That answer over UDP now.",
          unit: "short",
          queries: [[series("dns_workers", HERE), "{{instance}}"]],
        }),
        graph({
          title: "Lines of the query log",
          description: "Dropped or failed: the alert LogLinesLost.",
          unit: "ops",
          queries: [
            {
              expr: rate("dns_query_log_lines_total", { where: HERE, by: "result" }),
              legend: "{{result}}",
              emptyWhen: "no router writes a query log",
            },
          ],
        }),
      ],
    },
    {
      title: "Zones",
      panels: [
        graph({
          title: "Serials",
          description: "Of the version that is served; routers should agree.",
          unit: "none",
          queries: [
            {
              expr: series("dns_zone_serial", HERE),
              legend: "{{instance}} {{zone}}",
              emptyWhen: TRANSFERS,
            },
          ],
        }),
        graph({
          title: "Transfers",
          description: "Zones asked of primaries, and asked of us.",
          unit: "ops",
          queries: [
            {
              expr: rate("dns_transfers_in_total", { where: HERE, by: "result" }),
              legend: "in {{result}}",
              emptyWhen: TRANSFERS,
            },
            {
              expr: rate("dns_transfers_out_total", { where: HERE, by: "result" }),
              legend: "out {{result}}",
              emptyWhen: TRANSFERS,
            },
          ],
        }),
        graph({
          title: "Signatures made",
          description: "Query: somebody had to wait for one.",
          unit: "ops",
          queries: [
            {
              expr: rate("dns_signatures_total", { where: HERE, by: "made" }),
              legend: "{{made}}",
              emptyWhen: SIGNED,
            },
          ],
        }),
        upOrDown({
          title: "Keys of signed zones can be read",
          description: "Down: it signs on with those it has, but rolls none.",
          queries: [
            {
              expr: series("dns_zone_keys_good", HERE),
              legend: "{{instance}} {{zone}}",
              emptyWhen: SIGNED,
            },
          ],
        }),
        graph({
          title: "Certificate of DNS over TLS and HTTPS",
          description: "Time that is left.",
          unit: "s",
          width: 12,
          queries: [
            {
              expr: `${series("dns_certificate_expiry_timestamp_seconds", HERE)} - time()`,
              legend: "{{instance}}",
              emptyWhen: "no router has a certificate",
            },
          ],
        }),
      ],
    },
  ],
};
