import { formatSocketAddress } from "../../common/address.ts";
import type { EdgeConfig } from "../../common/config/schema.ts";
import type { DemoPlan } from "./demo-plan.ts";
import { placedEdges } from "./roles.ts";
import { formatTable } from "./table.ts";

const HOST = "video.netcinema.test";

/** Clients whose place everybody's database agrees on: a network, and where it is. */
const CLIENTS = [
  ["129.94.0.0/24", "Sydney"],
  ["5.9.0.0/24", "Germany"],
  ["3.208.0.0/24", "Virginia"],
  ["133.11.0.0/24", "Tokyo"],
  ["200.144.0.0/24", "Sao Paulo"],
] as const;

/** What the demo says when everything runs (P): what is where, and commands that can be pasted. */
export function demoScreen(plan: DemoPlan, readyMs: number): string {
  const { config } = plan;
  const api = `http://${formatSocketAddress(config.control.listen)}`;
  return [
    `\nKingCDN is up, ready after ${(readyMs / 1_000).toFixed(1)} s.\n\n`,
    formatTable(whatRunsWhere(plan, api), "  "),
    plan.layout === "ports" ? SHARED_ADDRESS_NOTE : "",
    "\nTry this in another terminal:\n",
    ...steps(plan, api).flatMap(([say, ...commands]) => [
      `\n  # ${say}\n`,
      ...commands.map(indented),
    ]),
    `\nSee all of it in a browser: ${api}/\nCtrl-C stops everything.\n`,
  ].join("");
}

const SHARED_ADDRESS_NOTE =
  "\n  This machine cannot bind 127.0.10.1 and the like, so all edges share 127.0.0.1 and\n" +
  "  differ by port: DNS names 127.0.0.1 for all of them.\n";

function indented(command: string): string {
  return `  ${command}\n`;
}

function whatRunsWhere(plan: DemoPlan, api: string): string[][] {
  const { config } = plan;
  const dns = config.router.listen.map(formatSocketAddress).join(" ");
  const edges = placedEdges(config).map(({ pop, edge }, index) => [
    index === 0 ? "edges" : "",
    `${edge.address}:${edge.port}`,
    `${edge.name} in ${pop.name}`,
  ]);
  return [
    ["DNS", dns, `UDP and TCP, for ${config.cdn.domain} and netcinema.test`],
    ...edges,
    ["origin", formatSocketAddress(plan.origin), "what NetCinema publishes"],
    ["console", formatSocketAddress(config.control.listen), `control API and console, ${api}/`],
  ];
}

type Step = readonly [say: string, ...commands: string[]];

function steps(plan: DemoPlan, api: string): Step[] {
  const [dns = { host: "127.0.0.1", port: 5300 }] = plan.config.router.listen;
  const edges = placedEdges(plan.config).map(({ edge }) => edge);
  const [first] = edges;
  const server = `@${dns.host} -p ${dns.port}`;
  const meridian = `npm run -s meridian --`;
  const target = api === "http://127.0.0.1:9090" ? "" : ` --api ${api}`;
  if (first === undefined) return [];
  const digs = CLIENTS.map(
    ([subnet, place]) => `dig ${server} +short ${HOST} +subnet=${subnet.padEnd(14)} # ${place}`,
  );
  const curl = `curl -s -o /dev/null -D - -H 'Host: ${HOST}' http://${at(first)}/poster.svg`;
  return [
    ["Which edge does DNS name, for clients in five places?", ...digs],
    ["Twice through the Sydney edge. Look at Cache-Status: first a miss, then a hit", curl, curl],
    [
      "Forget the poster on every edge; the next request is a miss again",
      `${meridian} purge http://${HOST}/poster.svg --wait${target}`,
    ],
    [
      "Take Sydney out of DNS, and put it back",
      `${meridian} drain ${first.name}${target}`,
      `${meridian} undrain ${first.name}${target}`,
    ],
    [
      "Kill the Sydney edge: within 3 s DNS names the next closest. Start it again",
      `${meridian} demo stop-edge ${first.name}${target}`,
      `${meridian} demo start-edge ${first.name}${target}`,
    ],
    [
      "Why that edge? And how is everybody?",
      `${meridian} explain dns ${HOST} --client 129.94.0.1${target}`,
      `${meridian} status${target}`,
    ],
  ];
}

function at(edge: EdgeConfig): string {
  return `${edge.address}:${edge.port}`;
}
