import { posix } from "node:path";
import { importedNames } from "../support/import-graph.ts";
import type { Problem, SourceFile } from "./source-file.ts";

/**
 * What each top folder may import besides itself. Daemons never import one another; the one
 * exception is written down in DAEMON_STARTERS.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  common: [],
  state: ["common"],
  edge: ["state", "common"],
  "router-dns": ["state", "common"],
  origin: ["state", "common"],
  control: ["state", "common"],
  deploy: ["state", "common", "control", "router-dns"],
  bin: ["control"],
  bench: ["common", "state", "edge", "router-dns", "origin", "control", "test"],
  test: ["common", "state", "edge", "router-dns", "origin", "control", "bench", "deploy", "bin"],
};

/**
 * The commands start daemons, through the one file of each that is made for it; `zone check` and
 * `config check` read zone, coverage and latency files as the router would, `zone keys` its keys,
 * and `map` its map.
 */
const DAEMON_STARTERS = /^control\/cli\//;
const DAEMON_ENTRY = new RegExp(
  "^((edge|router-dns|origin)/server|router-dns/zone/zone-file" +
    "|router-dns/data/(zone-(keys|check)|map-report)|router-dns/geo/(coverage|latency))\\.ts$",
);

/**
 * Layers inside a daemon, lowest first: a file imports from its own layer or lower ones. Files
 * that stand beside the folders (`pipeline.ts`, `server.ts`) and folders that are not listed are
 * above them all.
 */
const LAYERS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  edge: [["http"], ["key", "decide"], ["accept", "fetch", "store", "serve"]],
  "router-dns": [
    ["wire"],
    ["zone", "policy", "geo", "health"],
    ["sign", "load"],
    ["native"],
    ["transport"],
  ],
};

/** Libraries that have one door: whoever wants another one has a second answer to one question. */
const DOORS: Readonly<Record<string, RegExp>> = {
  undici: /^(edge\/fetch|control\/api|control\/acme)\//,
  redis: /^state\//,
  "node:sqlite": /^(state\/|edge\/store\/disk\/lock\.ts$)/,
  "@prometheus-io/client": /^common\/metrics\.ts$/,
  pino: /^common\/log\.ts$/,
  "pino-pretty": /^common\/log\.ts$/,
  fastify: /^control\//,
  commander: /^control\/cli\//,
  "http-proxy": /^edge\//,
  "dns-packet": /^router-dns\//,
  "node:dgram": /^router-dns\/(?:transport\/|transfer\/notifier\.ts)/,
};

/** Folders and files whose decisions see no I/O: the same input gives the same output. */
const PURE = [
  /^edge\/(http|key|decide)\//,
  /^edge\/lane\/(request-head|silence)\.ts$/,
  /^edge\/http2\/request-head\.ts$/,
  /^edge\/tls\/(certificate-table|scheme-policy)\.ts$/,
  /^edge\/coding\/(choose|coded-fields)\.ts$/,
  /^router-dns\/(wire|zone|policy|answer|fast)\//,
  /^router-dns\/(pipeline|steering|signing)\.ts$/,
  /^router-dns\/sign\/(?!key-pair)/,
  /^router-dns\/health\/(board|quorum)\.ts$/,
  /^router-dns\/load\//,
  /^router-dns\/geo\/(?!countries|database|locate|mmdb)/,
  /^state\/(apply|change|records|follow-machine)\.ts$/,
];

/** Pure parts of Node: they compute, and read nothing. */
const PURE_BUILTINS = /^node:(assert|buffer|util|net)$/;

/** What a pure file may not speak of, and what it should do instead. */
const IMPURE_WORDS =
  /\b(Date\.now|new Date\(\)|Math\.random|performance\.|process\.|setTimeout|setInterval|fetch\()/;

/** True for a file that promises to do no I/O and to read no clock (P). */
export function isPure(path: string): boolean {
  return PURE.some((pattern) => pattern.test(path));
}

/** Imports against the direction of the arrows (P). */
export function arrowProblems(file: SourceFile): Problem[] {
  return imports(file).flatMap(({ name, target, line }) => {
    const reason =
      target === undefined ? doorProblem(file.path, name) : wrongArrow(file.path, target);
    return reason === undefined ? [] : [{ path: file.path, line, message: reason }];
  });
}

/** I/O, clocks and randomness in files that promise to have none (P). */
export function purityProblems(file: SourceFile): Problem[] {
  if (!isPure(file.path)) return [];
  const builtins = imports(file)
    .filter(({ name }) => name.startsWith("node:") && !PURE_BUILTINS.test(name))
    .map(({ name, line }) => ({ path: file.path, line, message: `a pure file imports ${name}` }));
  const words = codeLines(file).flatMap(({ code, line }) => {
    const word = IMPURE_WORDS.exec(code)?.[1];
    const message = `a pure file uses ${word}: take the moment or the number as an argument`;
    return word === undefined ? [] : [{ path: file.path, line, message }];
  });
  return [...builtins, ...words];
}

/** Real time and randomness outside the two files that read them (P). */
export function ambientProblems(file: SourceFile): Problem[] {
  if (!/^(common|state|edge|router-dns|control|origin)\//.test(file.path)) return [];
  if (/^common\/(clock|random)\.ts$/.test(file.path) || !file.path.endsWith(".ts")) return [];
  return codeLines(file).flatMap(({ code, line }) => {
    const word = /\b(Date\.now|new Date\(\)|Math\.random|performance\.now)/.exec(code)?.[1];
    const message = `${word}: time comes from a Clock, randomness from common/random.ts`;
    return word === undefined ? [] : [{ path: file.path, line, message }];
  });
}

/** Circles of imports, each as the files on it; type-only imports do not count (P). */
export function importCycles(files: readonly SourceFile[]): string[] {
  const known = new Map(files.map((file) => [file.path, file]));
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === "open") {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    }
    const file = known.get(path);
    if (state.has(path) || file === undefined) return;
    state.set(path, "open");
    for (const { target, typeOnly } of imports(file)) {
      if (target !== undefined && !typeOnly) visit(target, [...trail, path]);
    }
    state.set(path, "done");
  };
  for (const { path } of files) visit(path, []);
  return cycles;
}

/** Product files that nothing reaches from the entry points (P). */
export function unreachedFiles(files: readonly SourceFile[], entries: readonly string[]): string[] {
  const known = new Map(files.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const waiting = [...entries];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const file = known.get(next);
    if (file === undefined || seen.has(next)) continue;
    seen.add(next);
    for (const { target } of imports(file)) if (target !== undefined) waiting.push(target);
  }
  return [...known.keys()].filter((path) => !seen.has(path));
}

interface Import {
  readonly name: string;
  /** The file of ours that is meant, or undefined for a library. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
  readonly line: number;
}

function imports(file: SourceFile): Import[] {
  return importedNames(file.text).map((name) => {
    const before = file.text.slice(0, file.text.indexOf(`"${name}"`));
    const statement = before.slice(before.lastIndexOf("import"));
    return {
      name,
      target: name.startsWith(".") ? posix.join(posix.dirname(file.path), name) : undefined,
      typeOnly: /^import\s+type\b/.test(statement),
      line: before.split("\n").length,
    };
  });
}

function doorProblem(path: string, name: string): string | undefined {
  const door = DOORS[name];
  const top = topFolder(path);
  if (door === undefined || door.test(path) || ["test", "bench", "deploy"].includes(top)) {
    return undefined;
  }
  return `${name} is only imported by ${door.source}`;
}

function wrongArrow(path: string, target: string): string | undefined {
  const [from, to] = [topFolder(path), topFolder(target)];
  if (from === to) return wrongLayer(from, path, target);
  if (ARROWS[from]?.includes(to) === true) return undefined;
  if (DAEMON_STARTERS.test(path) && DAEMON_ENTRY.test(target)) return undefined;
  return `${from} may not import ${to} (${target})`;
}

function wrongLayer(daemon: string, path: string, target: string): string | undefined {
  const layers = LAYERS[daemon];
  if (layers === undefined) return undefined;
  const level = (file: string) => {
    const folder = file.split("/").length > 2 ? (file.split("/")[1] ?? "") : "";
    const found = layers.findIndex((layer) => layer.includes(folder));
    return found < 0 ? layers.length : found;
  };
  if (/\/(steering|signing)\.ts$/.test(target) || level(path) >= level(target)) return undefined;
  return `a lower layer imports a higher one (${target})`;
}

function topFolder(path: string): string {
  return path.split("/")[0] ?? "";
}

/** Lines without comments, as far as lines can be told apart without a parser. */
function codeLines(file: SourceFile): { readonly code: string; readonly line: number }[] {
  return file.text.split("\n").flatMap((text, index) => {
    const code = text.replace(/(^|\s)\/\/.*$/, "");
    return /^\s*(\/?\*|\/\/)/.test(text) ? [] : [{ code, line: index + 1 }];
  });
}
