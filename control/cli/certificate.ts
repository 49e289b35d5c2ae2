import { Command } from "commander";
import { readTextFile } from "../../common/file-problem.ts";
import type {
  CertificateBody,
  CertificateListBody,
  CertificatePutBody,
  CertificateRemovedBody,
  DryRunBody,
} from "../api/shapes.ts";
import { callApi } from "./api-client.ts";
import { type ClientFlags, changeCommand, clientCommand, printJson } from "./client-command.ts";
import { CommandFailure } from "./failure.ts";
import { printDryRun } from "./site-versions.ts";
import { EDGES_WAIT_MS, printWaited, waitQuery } from "./site-wait.ts";
import { formatTable } from "./table.ts";

const EXAMPLES = `
Examples:
  meridian certificate put www.shop.example --chain fullchain.pem --key privkey.pem --wait
  meridian certificate list
  meridian certificate show www.shop.example
  meridian certificate remove www.shop.example`;

interface ChangeFlags extends ClientFlags {
  readonly dryRun?: boolean;
  readonly ifMatch?: string;
  readonly wait?: boolean;
}

interface PutFlags extends ChangeFlags {
  readonly chain: string;
  readonly key: string;
  readonly site?: string;
}

/** `meridian certificate`: what edges prove with that they are who they are called. */
export function certificateCommand(): Command {
  const put = changeCommand("put <name>")
    .description("put a certificate and its key in force on all edges, in place of what there is")
    .requiredOption("--chain <file>", "PEM: the certificate, then those that lead to its authority")
    .requiredOption("--key <file>", "PEM: its private key; it is sealed, and never shown")
    .option("--site <name>", "the site that it belongs to, for people")
    .addHelpText("after", EXAMPLES)
    .action(putCertificate);
  const list = clientCommand("list")
    .description("list certificates, their hosts and ends, and those that have not come yet")
    .addHelpText("after", EXAMPLES)
    .action(listCertificates);
  const show = clientCommand("show <name>")
    .description("show one certificate, but not its key")
    .addHelpText("after", EXAMPLES)
    .action(showCertificate);
  const remove = changeCommand("remove <name>")
    .description("take a certificate away from all edges")
    .addHelpText("after", EXAMPLES)
    .action(removeCertificate);
  return new Command("certificate")
    .description("list, show, put or remove certificates")
    .addHelpText("after", EXAMPLES)
    .addCommand(list)
    .addCommand(show)
    .addCommand(put)
    .addCommand(remove);
}

async function putCertificate(name: string, flags: PutFlags): Promise<void> {
  const [chain, key] = [readPem(flags.chain), readPem(flags.key)];
  const { site } = flags;
  const body = { chain, key, ...(site === undefined ? {} : { site }) };
  const answer = await change<CertificatePutBody>("PUT", name, { flags, body });
  if (flags.json === true) return printJson(answer);
  if ("dryRun" in answer) return printDryRun(`Certificate "${name}"`, answer);
  process.stdout.write(
    `Certificate "${name}" is in force for ${answer.hosts.join(" ")} until ` +
      `${answer.notAfter.slice(0, 10)} (version ${answer.version}).\n`,
  );
  if (flags.wait === true) printWaited(answer);
}

async function removeCertificate(name: string, flags: ChangeFlags): Promise<void> {
  const answer = await change<CertificateRemovedBody>("DELETE", name, { flags });
  if (flags.json === true) return printJson(answer);
  if ("dryRun" in answer) return printDryRun(`Certificate "${name}"`, answer);
  process.stdout.write(`Certificate "${name}" is removed (version ${answer.version}).\n`);
  if (flags.wait === true) printWaited(answer);
}

function change<T>(
  method: "PUT" | "DELETE",
  name: string,
  { flags, body }: { readonly flags: ChangeFlags; readonly body?: unknown },
): Promise<T | DryRunBody> {
  return callApi<T | DryRunBody>(flags.api, {
    method,
    path: `/certificates/${encodeURIComponent(name)}`,
    query: { dryRun: flags.dryRun === true ? "true" : undefined, wait: waitQuery(flags.wait) },
    waitMs: EDGES_WAIT_MS,
    headers: flags.ifMatch === undefined ? {} : { "if-match": flags.ifMatch },
    ...(body === undefined ? {} : { body }),
  });
}

function readPem(file: string): string {
  const text = readTextFile(file);
  if (text.ok) return text.value;
  throw new CommandFailure(text.error.map(({ message }) => `${file}: ${message}`).join("\n"));
}

async function listCertificates(flags: ClientFlags): Promise<void> {
  const answer = await callApi<CertificateListBody>(flags.api, { path: "/certificates" });
  if (flags.json === true) return printJson(answer);
  const rows = answer.certificates.map((one) => [
    one.name,
    one.hosts.join(" "),
    one.source,
    one.expired ? "ENDED" : one.notAfter.slice(0, 10),
    one.renewal?.slice(0, 10) ?? "-",
    one.problem ?? one.order?.error ?? "-",
  ]);
  const awaited = answer.awaited.map((one) => [
    one.name,
    one.hosts.join(" "),
    "acme",
    "-",
    "awaited",
    one.error ?? "the order is under way",
  ]);
  if (rows.length + awaited.length === 0) {
    process.stdout.write("No certificates. Put one: meridian certificate put --help.\n");
    return;
  }
  const head = ["CERTIFICATE", "HOSTS", "FROM", "ENDS", "RENEWED", "PROBLEM"];
  process.stdout.write(formatTable([head, ...rows, ...awaited]));
}

async function showCertificate(name: string, flags: ClientFlags): Promise<void> {
  const path = `/certificates/${encodeURIComponent(name)}`;
  const one = await callApi<CertificateBody>(flags.api, { path });
  if (flags.json === true) return printJson(one);
  const { order } = one;
  process.stdout.write(
    formatTable([
      ["certificate", one.name],
      ["hosts", one.hosts.join(" ")],
      ["from", one.source],
      ["site", one.site ?? "-"],
      ["good from", one.notBefore],
      ["good until", `${one.notAfter}${one.expired ? " (HAS ENDED)" : ""}`],
      ["renewed", one.renewal ?? "by whoever put it here"],
      ["issuer", one.issuer],
      ["serial", one.serial],
      ["SHA-256", one.fingerprint],
      ...(one.problem === undefined ? [] : [["PROBLEM", one.problem]]),
      ...(order === undefined ? [] : [["next one", orderText(order)]]),
    ]),
  );
}

function orderText({ failures, error, next }: NonNullable<CertificateBody["order"]>): string {
  if (error === undefined) return "the order is under way";
  return `failed ${failures} times: ${error}; tried again at ${next}`;
}
