import { type Board, graph } from "./board.ts";
import { hitRatio, quantile, rate, series, sum } from "./promql.ts";

const HERE = 'edge=~"$edge"';
const DISK = "no edge has a disk";
const ENCODED = "no site has its bodies encoded by edges";

/** What the operator of an edge asks: what does it do, how full is it, what fails. */
export const EDGE: Board = {
  name: "edge",
  title: "Meridian: edge",
  description: "What the operator of an edge asks: what does it do, how full is it, what fails.",
  variables: ["edge"],
  sections: [
    {
      title: "Work",
      panels: [
        graph({
          title: "Requests by edge",
          description: "All sites.",
          unit: "reqps",
          queries: [[rate("edge_requests_total", { where: HERE, by: "edge" }), "{{edge}}"]],
        }),
        graph({
          title: "Hit ratio by edge",
          description: "Answers from the store, of all that could have been.",
          unit: "percentunit",
          queries: [[hitRatio("edge_requests_total", { where: HERE, by: "edge" }), "{{edge}}"]],
        }),
        graph({
          title: "First byte of hits, p99",
          description: "Nothing but the edge itself: CPU and disk.",
          unit: "s",
          queries: [
            [
              quantile(0.99, "edge_first_byte_seconds", {
                where: `${HERE},cache="hit"`,
                by: "edge",
              }),
              "{{edge}}",
            ],
          ],
        }),
        graph({
          title: "Sent, of capacity",
          description:
            "Bodies by what the edge may send, as configured: the load that routers see.",
          unit: "percentunit",
          queries: [
            [
              `${rate("edge_response_bytes_total", { where: HERE, by: "edge" })} / ${sum("edge_capacity_bytes_per_second", { where: HERE, by: "edge" })}`,
              "{{edge}}",
            ],
          ],
        }),
        graph({
          title: "Connections",
          description: "Open client connections.",
          unit: "short",
          queries: [[sum("edge_connections", { where: HERE, by: "edge" }), "{{edge}}"]],
        }),
        graph({
          title: "Resident memory",
          description: "Of the process, as the operating system counts it.",
          unit: "bytes",
          queries: [[series("edge_resident_memory_bytes", HERE), "{{edge}}"]],
        }),
      ],
    },
    {
      title: "Store",
      panels: [
        graph({
          title: "Store, of its limit",
          description: "In memory the limit follows what else the process needs.",
          unit: "percentunit",
          queries: [
            [
              `${series("edge_store_bytes", HERE)} / ${series("edge_store_limit_bytes", HERE)}`,
              "{{edge}} {{tier}}",
            ],
          ],
        }),
        graph({
          title: "Objects",
          description: "Every variant and every slice counts.",
          unit: "short",
          queries: [[series("edge_store_objects", HERE), "{{edge}} {{tier}}"]],
        }),
        graph({
          title: "Evictions by reason",
          description: "Space is normal for a full store; damaged never is.",
          unit: "ops",
          queries: [
            [
              rate("edge_evictions_total", { where: HERE, by: "tier, reason" }),
              "{{tier}} {{reason}}",
            ],
          ],
        }),
        graph({
          title: "Disk: keys looked for",
          description: "Late: memory or the origin was faster than the disk.",
          unit: "ops",
          queries: [
            {
              expr: rate("edge_disk_loads_total", { where: HERE, by: "edge, result" }),
              legend: "{{edge}} {{result}}",
              emptyWhen: DISK,
            },
          ],
        }),
        graph({
          title: "Disk: records",
          description: "Not admitted is a decision; queue-full is a disk that is too slow.",
          unit: "ops",
          queries: [
            {
              expr: rate("edge_disk_writes_total", { where: HERE, by: "edge, result" }),
              legend: "{{edge}} {{result}}",
              emptyWhen: DISK,
            },
          ],
        }),
        graph({
          title: "Disk: errors",
          description: "Anything above zero raises the alert DiskErrors.",
          unit: "ops",
          queries: [
            {
              expr: rate("edge_disk_errors_total", { where: HERE, by: "edge, operation" }),
              legend: "{{edge}} {{operation}}",
              emptyWhen: DISK,
            },
          ],
        }),
      ],
    },
    {
      title: "Beside the way",
      panels: [
        graph({
          title: "Bodies encoded",
          description: "Busy and dropped: there was no CPU for it, and clients got plain bytes.",
          unit: "ops",
          queries: [
            {
              expr: rate("edge_encode_jobs_total", { where: HERE, by: "coding, result" }),
              legend: "{{coding}} {{result}}",
              emptyWhen: ENCODED,
            },
          ],
        }),
        graph({
          title: "Time to encode, p99",
          description: "From the beginning of a job to its end.",
          unit: "s",
          queries: [
            {
              expr: quantile(0.99, "edge_encode_seconds", { where: HERE, by: "coding" }),
              legend: "{{coding}}",
              emptyWhen: ENCODED,
            },
          ],
        }),
        graph({
          title: "Bytes spared by encoding",
          description: "What clients need not fetch.",
          unit: "Bps",
          queries: [
            {
              expr: rate("edge_encoded_saved_bytes_total", { where: HERE, by: "coding" }),
              legend: "{{coding}}",
              emptyWhen: ENCODED,
            },
          ],
        }),
        graph({
          title: "Lines of the access log",
          description: "Dropped or failed: the alert LogLinesLost.",
          unit: "ops",
          queries: [
            {
              expr: rate("edge_access_log_lines_total", { where: HERE, by: "edge, result" }),
              legend: "{{edge}} {{result}}",
              emptyWhen: "no edge writes an access log",
            },
          ],
        }),
        graph({
          title: "Readers cut off",
          description: "They read slowly, and what they read had left the store.",
          unit: "ops",
          queries: [[rate("edge_cut_bodies_total", { where: HERE, by: "edge" }), "{{edge}}"]],
        }),
        graph({
          title: "Records for the state store",
          description: "What the control server tells of stored objects comes from them.",
          unit: "ops",
          queries: [
            [
              rate("edge_object_records_total", { where: HERE, by: "edge, result" }),
              "{{edge}} {{result}}",
            ],
          ],
        }),
      ],
    },
  ],
};
