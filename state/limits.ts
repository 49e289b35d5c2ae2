/** Changes that the log keeps: a node that missed more takes a snapshot and revalidates. */
export const LOG_CHANGES_MAX = 10_000;

/** A node that has not acknowledged anything for this long is forgotten. */
export const ACKNOWLEDGED_FOR_MS = 30_000;

/** Nodes of one kind (acknowledging, edges, routers) that the store remembers. */
export const NODES_MAX = 10_000;

/** Objects that the store knows of per edge, newest kept. */
export const OBJECTS_PER_EDGE_MAX = 10_000;

/** A record of an object that is longer than this, as JSON, is not kept. */
export const OBJECT_RECORD_BYTES_MAX = 8 * 1024;
