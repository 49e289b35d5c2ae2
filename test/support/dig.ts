import { runProcess } from "./process.ts";

/** A question, and how to ask it. */
export interface DigQuestion {
  readonly server: string;
  readonly port: number;
  readonly name: string;
  /** Default `A`. */
  readonly type?: string;
  /** RFC 7871 client subnet, such as `129.94.0.0/24`. */
  readonly subnet?: string;
  /** Further options, such as `+tcp` or `+bufsize=512`. */
  readonly options?: readonly string[];
}

/** One record as `dig` writes it. */
export interface DigRecord {
  readonly name: string;
  readonly ttl: number;
  readonly type: string;
  readonly data: string;
}

/** What came back, in the words of `dig`. */
export interface DigAnswer {
  /** `NOERROR`, `NXDOMAIN`, `REFUSED` ...; `TIMEOUT` if no server answered. */
  readonly status: string;
  /** `qr`, `aa`, `tc` ... */
  readonly flags: readonly string[];
  readonly answer: readonly DigRecord[];
  readonly authority: readonly DigRecord[];
  readonly additional: readonly DigRecord[];
  /** The client subnet option of the answer: prefix and scope prefix length. */
  readonly subnet: { readonly prefix: string; readonly scope: number } | undefined;
  /** Everything that `dig` printed. */
  readonly text: string;
}

/** Asks with the real `dig`: no retry, 3 s, recursion as dig does it, cookies off. */
export async function dig(question: DigQuestion): Promise<DigAnswer> {
  const { server, port, name, type = "A", subnet, options = [] } = question;
  const args = ["-r", `@${server}`, "-p", String(port), name, type, "+time=3", "+tries=1"];
  args.push("+nocookie", "+noidnin", "+noidnout");
  if (subnet !== undefined) args.push(`+subnet=${subnet}`);
  const { stdout } = await runProcess({ command: "dig", args: [...args, ...options] }, 20_000);
  return parseDig(stdout);
}

/** The data of the answer records of one type, in the order of the answer. */
export function answerData(answer: DigAnswer, type: string): string[] {
  return answer.answer.filter((record) => record.type === type).map((record) => record.data);
}

/** Reads what `dig` prints with its default `+comments` (P). */
export function parseDig(text: string): DigAnswer {
  const sections: Record<string, DigRecord[]> = { ANSWER: [], AUTHORITY: [], ADDITIONAL: [] };
  let current: DigRecord[] | undefined;
  for (const line of text.split("\n")) {
    const heading = /^;; (\w+) SECTION:/.exec(line);
    if (heading !== null) current = sections[heading[1] ?? ""];
    else if (line === "") current = undefined;
    else if (!line.startsWith(";")) addRecord(current, line);
  }
  const subnet = /^; CLIENT-SUBNET: (\S+)\/(\d+)\/(\d+)$/m.exec(text);
  return {
    status: /status: (\w+)/.exec(text)?.[1] ?? "TIMEOUT",
    flags: /^;; flags: ([^;]*);/m.exec(text)?.[1]?.trim().split(" ") ?? [],
    answer: sections["ANSWER"] ?? [],
    authority: sections["AUTHORITY"] ?? [],
    additional: sections["ADDITIONAL"] ?? [],
    subnet:
      subnet === null
        ? undefined
        : { prefix: `${subnet[1]}/${subnet[2]}`, scope: Number(subnet[3]) },
    text,
  };
}

function addRecord(section: DigRecord[] | undefined, line: string): void {
  const match = /^(\S+)\s+(\d+)\s+[A-Z]+\s+(\S+)\s+(.*)$/.exec(line);
  if (section === undefined || match === null) return;
  const [, name = "", ttl = "", type = "", data = ""] = match;
  section.push({ name, ttl: Number(ttl), type, data });
}
