import type { UsableCertificate } from "../../common/certificate.ts";

/** One certificate that an edge serves with. */
export interface EdgeCertificate extends UsableCertificate {
  /** For metrics and logs: its file, or its name in the state. */
  readonly name: string;
}

/** Which certificate is for which host name. */
export interface CertificateTable {
  readonly exact: ReadonlyMap<string, EdgeCertificate>;
  /** By what stands behind `*.`. */
  readonly wildcard: ReadonlyMap<string, EdgeCertificate>;
  /** For clients that name no host. */
  readonly unnamed: EdgeCertificate | undefined;
}

/**
 * Makes the table (P). Of several for one name the one that ends last has it, and of those that end
 * together the first in the list: a renewed certificate replaces the old one wherever each of them
 * is kept.
 */
export function buildCertificateTable(
  certificates: readonly EdgeCertificate[],
  unnamed: EdgeCertificate | undefined,
): CertificateTable {
  const exact = new Map<string, EdgeCertificate>();
  const wildcard = new Map<string, EdgeCertificate>();
  for (const certificate of certificates) {
    for (const host of certificate.hosts) {
      const isWildcard = host.startsWith("*.");
      const table = isWildcard ? wildcard : exact;
      const name = isWildcard ? host.slice(2) : host;
      const other = table.get(name);
      if (other === undefined || other.notAfter < certificate.notAfter) {
        table.set(name, certificate);
      }
    }
  }
  return { exact, wildcard, unnamed };
}

/**
 * The certificate for the name that a client says in its first message (P); undefined: none. RFC
 * 6066 section 3: in any case. RFC 9525 section 6.3: a wildcard stands for one label.
 */
export function certificateFor(table: CertificateTable, name: string): EdgeCertificate | undefined {
  const host = name.toLowerCase().replace(/\.$/, "");
  return table.exact.get(host) ?? table.wildcard.get(parentOf(host) ?? "");
}

/** An IPv4 address or an IPv6 literal: no client can say one in a handshake. */
const ADDRESS = /^(?:\d+\.\d+\.\d+\.\d+|\[.*\])$/;

/**
 * True if a connection that was secured with a certificate is one for a host (P). RFC 9110 section
 * 7.4. `host` is in lower case, without port and final dot; who asks for an address has not been
 * able to name anything.
 */
export function coversHost({ hosts }: EdgeCertificate, host: string): boolean {
  if (hosts.includes(host) || ADDRESS.test(host)) return true;
  const parent = parentOf(host);
  return parent !== undefined && hosts.includes(`*.${parent}`);
}

function parentOf(host: string): string | undefined {
  const dot = host.indexOf(".");
  return dot < 1 ? undefined : host.slice(dot + 1);
}
