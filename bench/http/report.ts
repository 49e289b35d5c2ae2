import { median } from "../median.ts";
import type { LoadFigures } from "./load.ts";

/** All runs of one server under one load. */
export interface Series {
  readonly load: string;
  readonly server: string;
  readonly runs: readonly LoadFigures[];
}

/** Rounds of one server may differ by this factor before the machine counts as too noisy. */
const SPREAD_MAX = 1.3;

/** The medians of all runs of a series (P). */
export function mediansOf({ runs }: Series): LoadFigures {
  const of = (pick: (run: LoadFigures) => number) => median(runs.map(pick));
  return {
    requestsPerSecond: of((run) => run.requestsPerSecond),
    requestsPerCpuSecond: of((run) => run.requestsPerCpuSecond),
    p50Ms: of((run) => run.p50Ms),
    p99Ms: of((run) => run.p99Ms),
  };
}

/** How far apart the rounds of a series are, as the largest by the smallest (P). */
export function spreadOf({ runs }: Series): number {
  const values = runs.map((run) => run.requestsPerCpuSecond);
  return Math.max(...values) / Math.min(...values);
}

/** A table for people, each server beside the first one of its load (P). */
export function tableOf(all: readonly Series[]): string {
  const lines = [
    "| load | server | requests/s | requests per CPU second | ours / theirs | p50 ms | p99 ms |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
  ];
  for (const series of all) {
    const { load, server } = series;
    const figures = mediansOf(series);
    const ours = all.find((other) => other.load === load) ?? series;
    const ratios = ours.runs.map(
      (run, i) => run.requestsPerCpuSecond / (series.runs[i]?.requestsPerCpuSecond ?? Number.NaN),
    );
    const cells = [
      load,
      server,
      Math.round(figures.requestsPerSecond),
      Math.round(figures.requestsPerCpuSecond),
      series === ours ? "" : median(ratios).toFixed(2),
      figures.p50Ms.toFixed(2),
      figures.p99Ms.toFixed(2),
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  return lines.join("\n");
}

/** What is said when the rounds differ so much that only large differences mean anything (P). */
export function noiseOf(all: readonly Series[]): string | undefined {
  const noisy = all.filter((series) => spreadOf(series) > SPREAD_MAX);
  if (noisy.length === 0) return undefined;
  const names = noisy.map((each) => `${each.server} ${each.load} (${spreadOf(each).toFixed(2)})`);
  return `the machine was too noisy: rounds differ by more than ${SPREAD_MAX} for ${names.join(", ")}`;
}
