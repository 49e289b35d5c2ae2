import { Command } from "commander";
import type { ExplainDnsBody, ExplainHttpBody } from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { printJson } from "./client-command.ts";
import { formatDnsDecision, formatHttpDecision } from "./decision-text.ts";
import { usageFailure } from "./failure.ts";
import { apiOption, gather, jsonOption, readIp } from "./values.ts";

const EXAMPLES = `
The daemons themselves tell their decision, from the code that serves clients.

Examples:
  meridian explain dns netcinema.kingcdn.test --client 129.94.0.1
  meridian explain dns netcinema.kingcdn.test --client 129.94.0.1 --type HTTPS --dnssec
  meridian explain http http://video.netcinema.test/ --client 129.94.0.1
  meridian explain http http://video.netcinema.test/ --edge syd-1`;

interface ExplainFlags {
  readonly api?: string;
  readonly json?: boolean;
}

/** `meridian explain`: why a query or a request is answered as it is. */
export function explainCommand(): Command {
  const dns = new Command("dns")
    .description("how DNS answers a client, and why each record is there")
    .argument("<name>", "the name asked for")
    .requiredOption("--client <ip>", "who asks", readIp)
    .option("--type <type>", "what is asked for, such as AAAA, HTTPS, or TYPE65", "A")
    .option("--dnssec", "ask with DO: signatures and denials as records")
    .addOption(apiOption())
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES)
    .action(explainDns);
  const http = new Command("http")
    .description("what an edge would do with a request")
    .argument("<url>", "an absolute URL")
    .option("--client <ip>", "let DNS choose the edge for this client", readIp)
    .option("--edge <name>", "ask this edge")
    .option("--header <line>", "a field of the request, such as 'Cookie: a=1'; repeatable", gather)
    .addOption(apiOption())
    .addOption(jsonOption())
    .addHelpText("after", EXAMPLES)
    .action(explainHttp);
  return new Command("explain")
    .description("explain a decision, from the live code path")
    .addHelpText("after", EXAMPLES)
    .addCommand(dns)
    .addCommand(http);
}

async function explainDns(
  name: string,
  flags: ExplainFlags & { client: string; type: string; dnssec?: boolean },
): Promise<void> {
  const answer = await callApi<ExplainDnsBody>(flags.api, {
    path: "/explain/dns",
    query: {
      name,
      client: flags.client,
      type: flags.type,
      dnssec: flags.dnssec === true ? "1" : undefined,
    },
  });
  if (flags.json === true) return printJson(answer);
  printDns(answer);
}

async function explainHttp(
  url: string,
  flags: ExplainFlags & { client?: string; edge?: string; header?: readonly string[] },
): Promise<void> {
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    throw usageFailure(
      `"${url}" is not an absolute URL`,
      "Like: meridian explain http http://video.netcinema.test/ --client 129.94.0.1",
    );
  }
  if ((flags.client === undefined) === (flags.edge === undefined)) {
    throw usageFailure(
      "say either --edge NAME, or --client IP to have DNS choose the edge",
      `Like: meridian explain http ${url} --client 129.94.0.1`,
    );
  }
  const answer = await callApi<ExplainHttpBody>(flags.api, {
    path: "/explain/http",
    query: { url, client: flags.client, edge: flags.edge, header: flags.header },
  });
  if (flags.json === true) return printJson(answer);
  if (answer.dns !== undefined) printDns(answer.dns);
  process.stdout.write(`edge ${answer.edge}\n${formatHttpDecision(answer.decision)}`);
}

function printDns({ router, decision }: ExplainDnsBody): void {
  process.stdout.write(`router at ${router}\n${formatDnsDecision(decision)}`);
}
