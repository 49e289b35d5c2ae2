import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { ProbeConfig, TrustingProbe } from "../health/targets.ts";
import { RouterFilesError } from "./files.ts";

/**
 * Reads what an HTTPS check trusts, once for all of its probes. Throws a RouterFilesError if the
 * file cannot be used, also if there is no certificate in it: every edge would be down.
 */
export function withTrust(probe: ProbeConfig): TrustingProbe {
  if (probe.kind !== "https") return probe;
  const { caFile, ...rest } = probe;
  return { ...rest, context: createSecureContext(caFile === undefined ? {} : readCa(caFile)) };
}

function readCa(file: string): { readonly ca: string } {
  let ca: string;
  try {
    ca = readFileSync(file, "utf8");
    createSecureContext({ ca });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new RouterFilesError([`${file}: cannot be used for health.check.ca: ${message}`]);
  }
  if (ca.includes("-----BEGIN CERTIFICATE-----")) return { ca };
  throw new RouterFilesError([`${file}: has no certificate (PEM) for health.check.ca`]);
}
