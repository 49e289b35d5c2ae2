import { Metrics } from "../common/metrics.ts";
import { SiteLabels } from "../common/site-labels.ts";
import { type CacheLabel, RequestMetrics } from "../edge/admin/request-metrics.ts";
import { median } from "./median.ts";

/*
 * How long an edge takes for `/metrics`, by its number of sites and how many of them have series of
 * their own: `npm run -s bench:metrics`.
 */

const SITES = [10, 1_000, 10_000];
const LABELS = [100, 1_000];
const ROUNDS = 15;
const CACHES: readonly CacheLabel[] = ["hit", "miss", "revalidated"];

/** Metrics of an edge all of whose sites have been asked for. */
function watchedEdge(sites: number, labels: number): Metrics {
  const metrics = new Metrics("edge", { edge: "syd-1", pop: "syd" });
  const requests = new RequestMetrics(metrics, new SiteLabels(labels));
  const [status, bodyBytes] = [200, 1_024];
  for (let i = 0; i < sites; i += 1) {
    for (const cache of CACHES) {
      const times = { firstByteSeconds: 0.001 * (i % 90), durationSeconds: 0.002 * (i % 90) };
      requests.note({ site: `site-${i}`, cache, status, bodyBytes, ...times });
    }
  }
  return metrics;
}

process.stdout.write(
  "| sites | with series of their own | lines | ms |\n| ---: | ---: | ---: | ---: |\n",
);
for (const sites of SITES) {
  for (const labels of LABELS.filter((each) => each === LABELS[0] || sites >= each)) {
    const metrics = watchedEdge(sites, labels);
    const times: number[] = [];
    let lines = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const began = performance.now();
      const { body } = await metrics.expose();
      times.push(performance.now() - began);
      lines = body.split("\n").length;
    }
    const own = Math.min(sites, labels);
    process.stdout.write(`| ${sites} | ${own} | ${lines} | ${median(times).toFixed(1)} |\n`);
  }
}
