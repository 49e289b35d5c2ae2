import { background } from "../../common/background.ts";
import type { Clock } from "../../common/clock.ts";
import type { HealthConfig } from "../../common/config/schema.ts";
import type { Logger } from "../../common/log.ts";
import type { Random } from "../../common/random.ts";
import {
  type EdgeHealth,
  type HealthEvent,
  newEdgeHealth,
  nextHealth,
  visibleHealth,
} from "./board.ts";
import { type ProbeResult, type ProbeTarget, probe } from "./probe.ts";

/** An edge to watch. Without a target it is never probed and counts as up. */
export interface WatchedEdge {
  readonly name: string;
  readonly target: ProbeTarget | undefined;
}

/** What a monitor needs. */
export interface MonitorOptions {
  readonly edges: readonly WatchedEdge[];
  readonly health: HealthConfig;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Called after the health of an edge has changed in a way that can be seen. */
  readonly onChange: () => void;
  /** Asks one edge once; left out: over the network. */
  readonly probe?: (target: ProbeTarget, timeoutMs: number) => Promise<ProbeResult>;
}

/** Each wait is up to this part shorter or longer, so that routers do not probe in step. */
const JITTER = 0.1;

/** Probes of one edge at one time; a timeout of many intervals leaves some out. */
const UNDER_WAY_MAX = 8;

/**
 * Watches edges: starts a probe of each every `interval`, whether or not the last has come back,
 * because one that hangs must not delay the next; as many as fit into `timeout` can be under way
 * for one edge. With the defaults (500 ms, 1 s, fall 3) an edge that dies is down after 1.0 to
 * 1.65 s, one that is cut off without a word after 2.0 to 2.65 s.
 */
export class HealthMonitor {
  readonly #options: MonitorOptions;
  readonly #health: Map<string, EdgeHealth>;
  readonly #cancel = new Map<string, () => void>();
  readonly #firstRound: Promise<unknown>;
  readonly #underWay = new Map<string, number>();
  #stopped = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
    const now = options.clock.now();
    this.#health = new Map(options.edges.map(({ name }) => [name, newEdgeHealth(now, false)]));
    this.#firstRound = Promise.all(
      options.edges.map(({ name, target }) =>
        target === undefined ? Promise.resolve() : this.#startProbe(name, target, 1),
      ),
    );
  }

  /** What is believed of each edge. */
  health(): ReadonlyMap<string, EdgeHealth> {
    return this.#health;
  }

  /** Resolves when every edge has been probed once: at the latest after one probe timeout. */
  async firstRound(): Promise<void> {
    await this.#firstRound;
  }

  /** Says which edges are drained now. Names of edges that are not watched are passed over. */
  setDrained(drained: ReadonlySet<string>): void {
    for (const [name, health] of this.#health) {
      if (health.drained === drained.has(name)) continue;
      const kind = drained.has(name) ? "drain" : "undrain";
      this.#apply(name, { kind, at: this.#options.clock.now() });
    }
  }

  /** Probes no more. What is under way is ignored. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancel.values()) cancel();
  }

  #probeAgain(edge: string, target: ProbeTarget, number: number): void {
    const { clock, health, log, random } = this.#options;
    const jitter = 1 + JITTER * (random.below(2001) / 1000 - 1);
    const cancel = clock.after(Math.max(1, health.interval * jitter), () => {
      background(log, `probe ${edge}`, this.#startProbe(edge, target, number));
    });
    this.#cancel.set(edge, cancel);
  }

  async #startProbe(edge: string, target: ProbeTarget, number: number): Promise<void> {
    this.#probeAgain(edge, target, number + 1);
    const underWay = this.#underWay.get(edge) ?? 0;
    if (underWay >= UNDER_WAY_MAX) return;
    const { clock, health } = this.#options;
    const ask = this.#options.probe ?? probe;
    this.#underWay.set(edge, underWay + 1);
    const { works, detail } = await ask(target, health.timeout);
    this.#underWay.set(edge, (this.#underWay.get(edge) ?? 1) - 1);
    if (this.#stopped) return;
    this.#apply(edge, { kind: "probe", number, works, detail, at: clock.now() });
  }

  #apply(edge: string, event: HealthEvent): void {
    const { health: hysteresis, log, onChange } = this.#options;
    const before = this.#health.get(edge);
    if (before === undefined) return;
    const after = nextHealth(before, event, hysteresis);
    this.#health.set(edge, after);
    const [from, to] = [visibleHealth(before), visibleHealth(after)];
    if (from === to) return;
    const facts = { event: "edge-health", edge, from, to, detail: after.detail };
    if (to === "down") log.warn(facts);
    else log.info(facts);
    onChange();
  }
}
