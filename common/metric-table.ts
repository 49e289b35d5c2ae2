/** What one metric is: everything that the documentation, the registry and the tests need. */
export type MetricSpec = {
  readonly part: "edge" | "dns" | "control" | "origin" | "all";
  readonly help: string;
  readonly labels: readonly string[];
} & (
  | { readonly kind: "counter" | "gauge" }
  | { readonly kind: "histogram"; readonly buckets: readonly number[] }
);

const SECONDS_HTTP = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const SECONDS_DNS = [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1];

/**
 * Every metric of the product, without its `meridian_` prefix. Labels are bounded by construction:
 * a site, edge or PoP comes from the configuration, everything else from a closed set.
 */
export const METRICS = {
  edge_requests_total: {
    part: "edge",
    kind: "counter",
    labels: ["site", "cache", "code"],
    help: "Requests answered, by how the cache took part (hit, stale, revalidated, miss, bypass) and status class.",
  },
  edge_response_bytes_total: {
    part: "edge",
    kind: "counter",
    labels: ["site", "cache"],
    help: "Bytes of response bodies sent to clients.",
  },
  edge_request_duration_seconds: {
    part: "edge",
    kind: "histogram",
    buckets: SECONDS_HTTP,
    labels: ["site", "cache"],
    help: "From the end of the request head to the last byte handed to the client's socket.",
  },
  edge_first_byte_seconds: {
    part: "edge",
    kind: "histogram",
    buckets: SECONDS_HTTP,
    labels: ["site", "cache"],
    help: "From the end of the request head to the response head.",
  },
  edge_refused_total: {
    part: "edge",
    kind: "counter",
    labels: ["site", "reason"],
    help: "Requests refused by what protects a site, by reason (address-refused, too-many-requests, script-refused, page-refused, not-signed, link-expired, length-required, content-too-large).",
  },
  edge_fills_total: {
    part: "edge",
    kind: "counter",
    labels: ["site", "result"],
    help: "Fetches from an origin, by result (stored, uncacheable, not_modified, error, timeout, aborted).",
  },
  edge_slice_fills_total: {
    part: "edge",
    kind: "counter",
    labels: ["site", "result"],
    help: "Range requests to an origin for missing slices of large objects, by result (complete, stopped, changed, error, timeout).",
  },
  edge_fill_waiters: {
    part: "edge",
    kind: "gauge",
    labels: [],
    help: "Clients that are being served from a fill that another client started.",
  },
  edge_store_bytes: {
    part: "edge",
    kind: "gauge",
    labels: ["tier"],
    help: "Bytes that stored objects occupy, overhead included.",
  },
  edge_store_limit_bytes: {
    part: "edge",
    kind: "gauge",
    labels: ["tier"],
    help: "Bytes that stored objects may occupy now; in memory it follows what else the process needs.",
  },
  edge_resident_memory_bytes: {
    part: "edge",
    kind: "gauge",
    labels: [],
    help: "Memory that the process of the edge occupies, as the operating system counts it.",
  },
  edge_cut_bodies_total: {
    part: "edge",
    kind: "counter",
    labels: [],
    help: "Bodies whose readers were cut off: they read slowly, and what they read had left the store.",
  },
  edge_store_objects: {
    part: "edge",
    kind: "gauge",
    labels: ["tier"],
    help: "Stored objects; every variant counts.",
  },
  edge_evictions_total: {
    part: "edge",
    kind: "counter",
    labels: ["tier", "reason"],
    help: "Objects that left a store, by reason (space, replaced, invalidated, purged; damaged on disk).",
  },
  edge_disk_loads_total: {
    part: "edge",
    kind: "counter",
    labels: ["result"],
    help: "Keys looked for on disk for a request, by result (loaded, nothing, late, busy).",
  },
  edge_disk_writes_total: {
    part: "edge",
    kind: "counter",
    labels: ["result"],
    help: "Records for the disk, by result (written, not-admitted, queue-full, too-large, off).",
  },
  edge_disk_errors_total: {
    part: "edge",
    kind: "counter",
    labels: ["operation"],
    help: "Failures of the disk, by operation (read, verify, write, sync, note, remove).",
  },
  edge_disk_memory_bytes: {
    part: "edge",
    kind: "gauge",
    labels: [],
    help: "Memory that the disk store takes for its index and for what waits to be written; part of the memory budget.",
  },
  edge_encode_jobs_total: {
    part: "edge",
    kind: "counter",
    labels: ["coding", "result"],
    help: "Bodies to encode, by coding (zstd, br, gzip) and result (encoded, not_smaller, failed, dropped, busy).",
  },
  edge_encode_seconds: {
    part: "edge",
    kind: "histogram",
    buckets: SECONDS_HTTP,
    labels: ["coding"],
    help: "From the beginning of a job that encodes a body to its end.",
  },
  edge_encoded_saved_bytes_total: {
    part: "edge",
    kind: "counter",
    labels: ["coding"],
    help: "Bytes that clients were spared because a body was sent encoded by this edge.",
  },
  edge_purge_marks: {
    part: "edge",
    kind: "gauge",
    labels: [],
    help: "Prefixes and tags whose last purge is remembered, of all sites.",
  },
  edge_purge_marks_folded: {
    part: "edge",
    kind: "gauge",
    labels: [],
    help: "Prefixes and tags whose purge has been folded into one of the whole site, since the start.",
  },
  edge_origin_up: {
    part: "edge",
    kind: "gauge",
    labels: ["site", "origin"],
    help: "1 while the last exchange with this origin worked, 0 after it failed.",
  },
  edge_capacity_bytes_per_second: {
    part: "edge",
    kind: "gauge",
    labels: [],
    help: "What this edge may send, as configured: the measure for its load.",
  },
  edge_connections: {
    part: "edge",
    kind: "gauge",
    labels: [],
    help: "Open client connections.",
  },
  edge_tls_handshakes_total: {
    part: "edge",
    kind: "counter",
    labels: ["result"],
    help: "TLS handshakes with clients, by result (full, resumed, unrecognized-name, failed, timeout).",
  },
  edge_http2_connections: {
    part: "edge",
    kind: "gauge",
    labels: [],
    help: "Client connections that speak HTTP/2.",
  },
  edge_certificate_expiry_seconds: {
    part: "edge",
    kind: "gauge",
    labels: ["certificate"],
    help: "When each certificate ends, in seconds since 1970; of many the 1000 that end first.",
  },
  edge_certificate_files_broken: {
    part: "edge",
    kind: "gauge",
    labels: [],
    help: "Pairs of certificate and key files that could not be used when they were last read.",
  },
  edge_object_records_total: {
    part: "edge",
    kind: "counter",
    labels: ["result"],
    help: "Records of stored objects for the state store, by result (sent, dropped).",
  },
  edge_access_log_lines_total: {
    part: "edge",
    kind: "counter",
    labels: ["result"],
    help: "Lines of the access log, by what became of them (written; dropped, as the disk was slow; failed).",
  },
  dns_queries_total: {
    part: "dns",
    kind: "counter",
    labels: ["transport", "type", "rcode"],
    help: "Queries, by transport (udp, tcp, dot, doh), query type (rare ones as other) and response code (dropped if none).",
  },
  dns_query_duration_seconds: {
    part: "dns",
    kind: "histogram",
    buckets: SECONDS_DNS,
    labels: ["transport"],
    help: "From a packet in hand to its answer handed to the socket.",
  },
  dns_steered_total: {
    part: "dns",
    kind: "counter",
    labels: ["site", "pop", "reason"],
    help: "Steered answers, by the PoP that was named and why (closest, coverage, deep, latency, failover, load, all-down, no-location).",
  },
  dns_pop_load: {
    part: "dns",
    kind: "gauge",
    labels: ["pop"],
    help: "Load of a PoP by its capacity, in the load plan that this router answers by: 1 is full.",
  },
  dns_pop_demand: {
    part: "dns",
    kind: "gauge",
    labels: ["pop"],
    help: "Load that a PoP would have if all its own clients, and nobody else's, came to it.",
  },
  dns_pop_shed: {
    part: "dns",
    kind: "gauge",
    labels: ["pop"],
    help: "Fraction of its own clients that a PoP sends elsewhere because of its load.",
  },
  dns_load_stale: {
    part: "dns",
    kind: "gauge",
    labels: [],
    help: "1 while nothing is known of loads, and everybody gets the closest PoP.",
  },
  dns_redirects_total: {
    part: "dns",
    kind: "counter",
    labels: ["site", "pop", "reason"],
    help: "HTTP requests redirected, by site, PoP (none: a host elsewhere) and reason, as for answers.",
  },
  dns_redirect_refusals_total: {
    part: "dns",
    kind: "counter",
    labels: ["reason"],
    help: "HTTP requests not redirected, by reason (method, bad-request, too-long, unknown-host, nobody-up).",
  },
  dns_redirect_connections: {
    part: "dns",
    kind: "gauge",
    labels: [],
    help: "Open connections of clients that are redirected by HTTP.",
  },
  dns_edge_health: {
    part: "dns",
    kind: "gauge",
    labels: ["edge"],
    help: "1 while this router believes the edge to be up, 0 while down or draining.",
  },
  dns_edge_vantage_health: {
    part: "dns",
    kind: "gauge",
    labels: ["edge", "vantage"],
    help: "What each router sees, as this one knows it: 1 edge up, 0 down; not there if not known.",
  },
  dns_health_quorum: {
    part: "dns",
    kind: "gauge",
    labels: [],
    help: "1 while a majority of routers can vote on the health of edges, as this one sees it.",
  },
  dns_rollouts_total: {
    part: "dns",
    kind: "counter",
    labels: ["result"],
    help: "Changes of sites that came to DNS after edges had them (acknowledged), or without (overdue).",
  },
  dns_rollouts_waiting: {
    part: "dns",
    kind: "gauge",
    labels: [],
    help: "Changes of sites that are not in DNS yet because edges get them first.",
  },
  dns_rrl_total: {
    part: "dns",
    kind: "counter",
    labels: ["action"],
    help: "Answers over UDP that response rate limiting looked at, by action (pass, leak, slip, badcookie, drop; would-slip and would-drop in a dry run).",
  },
  dns_connections: {
    part: "dns",
    kind: "gauge",
    labels: ["transport"],
    help: "Open client connections, by transport (tcp, dot, doh).",
  },
  dns_refusals_total: {
    part: "dns",
    kind: "counter",
    labels: ["transport", "reason"],
    help: "Connections ended and packets dropped before a query was read, by reason (client-limit, replaced, idle, handshake, proxy-header, busy).",
  },
  dns_workers: {
    part: "dns",
    kind: "gauge",
    labels: [],
    help: "Threads that answer over UDP now, the main one included.",
  },
  dns_worker_ends_total: {
    part: "dns",
    kind: "counter",
    labels: ["reason"],
    help: "Threads that ended and were replaced, by reason (died, silent, stale, slow-start).",
  },
  dns_certificate_expiry_timestamp_seconds: {
    part: "dns",
    kind: "gauge",
    labels: [],
    help: "When the certificate of DNS over TLS and HTTPS ends, in seconds since 1970; absent without one.",
  },
  dns_rrl_displaced_total: {
    part: "dns",
    kind: "counter",
    labels: [],
    help: "Buckets of response rate limiting that were in use and made room for others: more of them are needed.",
  },
  dns_cookies_total: {
    part: "dns",
    kind: "counter",
    labels: ["standing"],
    help: "Queries by their DNS cookie: none, new (a client that has not heard from us yet), valid, bad.",
  },
  dns_udp_errors_total: {
    part: "dns",
    kind: "counter",
    labels: ["direction", "error"],
    help: "Errors of the kernel when UDP packets were received or sent, by name; all but EAGAIN and EINTR lose a packet.",
  },
  dns_query_log_lines_total: {
    part: "dns",
    kind: "counter",
    labels: ["result"],
    help: "Lines of the query log, by what became of them (written; dropped, as the disk was slow; failed).",
  },
  dns_transfers_out_total: {
    part: "dns",
    kind: "counter",
    labels: ["result"],
    help: "Zone transfers that were asked for, by answer (whole, changes, current, refused).",
  },
  dns_transfers_in_total: {
    part: "dns",
    kind: "counter",
    labels: ["result"],
    help: "Zones asked of primaries, by result (current, changes, whole, failed).",
  },
  dns_notifies_total: {
    part: "dns",
    kind: "counter",
    labels: ["result"],
    help: "Notices of new versions to secondaries, by how they ended (acknowledged, unanswered).",
  },
  dns_zone_serial: {
    part: "dns",
    kind: "gauge",
    labels: ["zone"],
    help: "Serial of the version of each zone that is served.",
  },
  dns_catalog_members: {
    part: "dns",
    kind: "gauge",
    labels: ["catalog"],
    help: "Zones that are served because a catalog of another server lists them.",
  },
  dns_signatures_total: {
    part: "dns",
    kind: "counter",
    labels: ["made"],
    help: "Signatures made: ahead of any query, or because a query had to wait for one (query).",
  },
  dns_signature_hits_total: {
    part: "dns",
    kind: "counter",
    labels: [],
    help: "Sets of records whose signatures were made already when a query needed them.",
  },
  dns_signatures_cached: {
    part: "dns",
    kind: "gauge",
    labels: ["made"],
    help: "Sets of records whose signatures are kept, by whether they were made ahead or for a query.",
  },
  dns_sign_ahead_seconds: {
    part: "dns",
    kind: "gauge",
    labels: [],
    help: "How long the last round of signing ahead took; queries are answered meanwhile.",
  },
  dns_zone_key_state: {
    part: "dns",
    kind: "gauge",
    labels: ["zone", "tag", "role", "state"],
    help: "1 for the state that a key of a signed zone is in (created, published, ready, active, retired, removed).",
  },
  dns_zone_keys_good: {
    part: "dns",
    kind: "gauge",
    labels: ["zone"],
    help: "1 while the folder of keys can be read; 0 while this router goes on with those it read before.",
  },
  dns_map_prefixes: {
    part: "dns",
    kind: "gauge",
    labels: ["family"],
    help: "Prefixes in the compiled steering map.",
  },
  dns_map_problems: {
    part: "dns",
    kind: "gauge",
    labels: [],
    help: "What is wrong with the files of the steering map: it goes on without them, or an older one stays.",
  },
  dns_map_builds_total: {
    part: "dns",
    kind: "counter",
    labels: ["result"],
    help: "Builds of the steering map since the start, by whether the new one is in use (ok, failed).",
  },
  dns_map_build_seconds: {
    part: "dns",
    kind: "gauge",
    labels: [],
    help: "How long the last build of the steering map took, beside the queries.",
  },
  purge_latency_seconds: {
    part: "control",
    kind: "histogram",
    buckets: SECONDS_HTTP,
    labels: [],
    help: "From a purge accepted to the last live edge's acknowledgement.",
  },
  control_acme_certificates_total: {
    part: "control",
    kind: "counter",
    labels: ["result"],
    help: "Certificates that an authority was asked for by this server, `issued` or `failed`.",
  },
  control_acme_leader: {
    part: "control",
    kind: "gauge",
    labels: [],
    help: "1 on the control server that gets certificates.",
  },
  control_certificates: {
    part: "control",
    kind: "gauge",
    labels: ["state"],
    help: "Certificates that are `good`, have `ended`, or are `awaited`: ordered, and never came.",
  },
  control_certificate_expires_seconds: {
    part: "control",
    kind: "gauge",
    labels: [],
    help: "Seconds until the first of all certificates ends; negative if one has ended.",
  },
  control_requests_total: {
    part: "control",
    kind: "counter",
    labels: ["method", "code"],
    help: "API requests, by method and status class.",
  },
  origin_requests_total: {
    part: "origin",
    kind: "counter",
    labels: ["code"],
    help: "Requests that the demo origin answered, by status class.",
  },
  state_up: {
    part: "all",
    kind: "gauge",
    labels: [],
    help: "1 while the state store answers.",
  },
  state_lag_versions: {
    part: "all",
    kind: "gauge",
    labels: [],
    help: "Changes that are known to exist and have not been applied here yet.",
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

/** The name of a metric, without its prefix. */
export type MetricName = keyof typeof METRICS;
