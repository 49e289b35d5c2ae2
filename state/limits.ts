/** Changes that the log keeps: a node that missed more takes a snapshot and revalidates. */
export const LOG_CHANGES_MAX = 10_000;

/** Bytes of all bodies in the log, if that is less: one purge can carry a thousand long URLs. */
export const LOG_BYTES_MAX = 32 * 2 ** 20;

/**
 * Changes that are asked for when none or few are expected. More than these is bulk: it may take
 * longer, because an idle connection across an ocean needs many round trips to get up to speed.
 */
export const QUICK_PAGE_MAX = 16;

/** Characters of a tag that an object can be purged by. */
export const TAG_LENGTH_MAX = 1_024;

/** A node that has not acknowledged anything for this long is forgotten. */
export const ACKNOWLEDGED_FOR_MS = 30_000;

/** Of the PEM text of a certificate and those that lead from it to its authority. */
export const CHAIN_BYTES_MAX = 64 * 1024;

/** Certificates in force: every edge has all of them in memory. */
export const CERTIFICATES_MAX = 2_000;

/** How long a challenge is answered at most. */
export const CHALLENGE_MS_MAX = 3_600_000;

/** Leases that the store knows of: one for each kind of work that one node does for all. */
export const LEASES_MAX = 100;

/** Of the text of told round trips: some 150,000 ways. For more there are files. */
export const ROUND_TRIPS_BYTES_MAX = 4 * 2 ** 20;

/** Nodes of one kind (acknowledging, edges, routers) that the store remembers. */
export const NODES_MAX = 10_000;

/** Objects that the store knows of per edge, newest kept. */
export const OBJECTS_PER_EDGE_MAX = 10_000;

/** A record of an object that is longer than this, as JSON, is not kept. */
export const OBJECT_RECORD_BYTES_MAX = 8 * 1024;

/** For so long DNS waits for an edge that lives and does not say that it has a change. */
export const ROLLOUT_WAIT_MS = 10_000;

/**
 * Beyond the TTL of what DNS answered, edges serve a removed site for so long: a router may have
 * waited before it took the removal, and a resolver may have asked just then.
 */
export const REMOVED_MARGIN_MS: number = ROLLOUT_WAIT_MS + 5_000;
