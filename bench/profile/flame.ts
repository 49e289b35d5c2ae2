/** A `.cpuprofile` of V8, as far as a flame graph needs it. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds that stand for each sample. */
  readonly timeDeltas: readonly number[];
}

/** Calls of one function from one place: its own time and that of what it calls, in us. */
interface Frame {
  readonly name: string;
  self: number;
  total: number;
  readonly calls: Map<string, Frame>;
}

const WIDTH = 1_600;
const ROW = 17;

/** Narrower frames are left out, in pixels. */
const WIDTH_MIN = 0.6;

/** Room for one character, in pixels. */
const CHARACTER = 6.6;

/** What is no work. */
const IDLE: ReadonlySet<string> = new Set(["(idle)", "(root)"]);

/**
 * A flame graph as SVG (P): the width of a frame is its share of the time in which the process
 * worked, what it calls stands above it, and its title says how much. Calls from one function to
 * another are one.
 */
export function flameGraph(profile: CpuProfile, title: string): string {
  const root = collect(profile);
  const depth = depthOf(root);
  const height = (depth + 3) * ROW;
  const scale = WIDTH / Math.max(1, root.total);
  const boxes: string[] = [];
  draw(root, { x: 0, level: 0 });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">
<text x="4" y="14">${escaped(title)}, ${(root.total / 1e6).toFixed(2)} s of work</text>
${boxes.join("\n")}
</svg>
`;

  function draw(frame: Frame, at: { readonly x: number; readonly level: number }): void {
    const width = frame.total * scale;
    if (width < WIDTH_MIN) return;
    boxes.push(boxOf(frame, { x: at.x, y: height - (at.level + 1) * ROW, width }, root.total));
    let { x } = at;
    for (const call of [...frame.calls.values()].toSorted((a, b) => b.total - a.total)) {
      draw(call, { x, level: at.level + 1 });
      x += call.total * scale;
    }
  }
}

/** The functions with the most time of their own, as `share name` lines (P). */
export function hottest(profile: CpuProfile, count: number): string[] {
  const root = collect(profile);
  const own = new Map<string, number>();
  const add = (frame: Frame): void => {
    own.set(frame.name, (own.get(frame.name) ?? 0) + frame.self);
    for (const call of frame.calls.values()) add(call);
  };
  add(root);
  return [...own]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, us]) => `${((us / root.total) * 100).toFixed(1).padStart(5)} %  ${name}`);
}

function collect({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const own = new Map<number, number>();
  for (const [i, id] of samples.entries()) {
    own.set(id, (own.get(id) ?? 0) + Math.max(0, timeDeltas[i] ?? 0));
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const root: Frame = { name: "all", self: 0, total: 0, calls: new Map() };
  const add = (id: number, parent: Frame): number => {
    const node = byId.get(id);
    if (node === undefined) return 0;
    const name = nameOf(node.callFrame);
    const frame = IDLE.has(name) ? parent : callOf(parent, name);
    const self = IDLE.has(name) ? 0 : (own.get(id) ?? 0);
    let total = self;
    for (const child of node.children ?? []) total += add(child, frame);
    frame.self += self;
    if (frame !== parent) frame.total += total;
    return total;
  };
  root.total = nodes[0] === undefined ? 0 : add(nodes[0].id, root);
  return root;
}

function callOf(parent: Frame, name: string): Frame {
  let frame = parent.calls.get(name);
  if (frame === undefined) {
    frame = { name, self: 0, total: 0, calls: new Map() };
    parent.calls.set(name, frame);
  }
  return frame;
}

function nameOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]) {
  const file = url.split("/").slice(-2).join("/");
  const name = functionName === "" ? "anonymous" : functionName;
  return file === "" ? name : `${name} ${file}:${lineNumber + 1}`;
}

function depthOf({ calls }: Frame): number {
  return 1 + Math.max(0, ...[...calls.values()].map(depthOf));
}

function boxOf(
  { name, self, total }: Frame,
  { x, y, width }: { readonly x: number; readonly y: number; readonly width: number },
  all: number,
): string {
  const share = (us: number) => `${((us / all) * 100).toFixed(1)} %`;
  const shown = name.slice(0, Math.max(0, Math.floor(width / CHARACTER) - 1));
  const hue = 20 + (name.length % 8) * 5;
  return `<g><title>${escaped(name)}: ${share(total)}, ${share(self)} of its own</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="hsl(${hue} 80% 65%)"/><text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(shown)}</text></g>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
