/** Edges that can be stopped and started by hand: what the demo shows failover with. */
export interface DemoEdges {
  /** Whether the edge is listening now. */
  isRunning(edge: string): boolean;
  /** Closes the edge's listeners and connections, as a crash would. */
  stop(edge: string): Promise<void>;
  /** Starts it again, with an empty cache. */
  start(edge: string): Promise<void>;
}
