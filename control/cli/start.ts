import type { RunningDaemon } from "../../common/daemon.ts";
import { LogFileError } from "../../common/log-file.ts";
import type { EdgeOptions } from "../../edge/server.ts";
import type { OriginOptions } from "../../origin/server.ts";
import type { RouterOptions } from "../../router-dns/server.ts";
import type { ControlOptions } from "../server.ts";
import { usageFailure } from "./failure.ts";

// The daemons are loaded when one is started: `meridian status` needs none of them, and a command
// that people type should not make them wait.

/**
 * Starts an edge; a folder that its disk store cannot use, or a log that cannot be written, ends
 * the command with exit code 2.
 */
export async function startEdge(options: EdgeOptions): Promise<RunningDaemon> {
  const edge = await import("../../edge/server.ts");
  try {
    return await edge.startEdge(options);
  } catch (error) {
    if (error instanceof edge.DiskFolderError || error instanceof LogFileError) {
      throw usageFailure(error.message);
    }
    throw error;
  }
}

/** Starts the demo origin. */
export async function startOrigin(options: OriginOptions): Promise<RunningDaemon> {
  const origin = await import("../../origin/server.ts");
  return origin.startOrigin(options);
}

/** Starts the control server. */
export async function startControl(options: ControlOptions): Promise<RunningDaemon> {
  const control = await import("../server.ts");
  return control.startControl(options);
}

/** Starts a router; what is wrong in its files ends the command with exit code 2. */
export async function startRouter(options: RouterOptions): Promise<RunningDaemon> {
  const router = await import("../../router-dns/server.ts");
  try {
    return await router.startRouter(options);
  } catch (error) {
    if (error instanceof LogFileError) throw usageFailure(error.message);
    if (!(error instanceof router.RouterFilesError)) throw error;
    throw usageFailure(`the router cannot use its files\n${error.message}`);
  }
}
