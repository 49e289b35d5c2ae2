import { constants } from "node:crypto";
import type { ContextOptions } from "../../common/certificate.ts";

/** The oldest version of TLS that clients may speak. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/**
 * What every certificate of an edge is served with (P): for TLS 1.2 only key exchange with forward
 * secrecy and authenticated encryption (RFC 9325 section 4.2), for TLS 1.3 all that it has. The
 * client's order counts, for it knows whether it has AES in hardware. Nobody renegotiates.
 */
export function contextOptions(minVersion: TlsVersion): ContextOptions {
  return {
    minVersion,
    ciphers: [
      "TLS_AES_128_GCM_SHA256",
      "TLS_AES_256_GCM_SHA384",
      "TLS_CHACHA20_POLY1305_SHA256",
      "ECDHE-ECDSA-AES128-GCM-SHA256",
      "ECDHE-RSA-AES128-GCM-SHA256",
      "ECDHE-ECDSA-AES256-GCM-SHA384",
      "ECDHE-RSA-AES256-GCM-SHA384",
      "ECDHE-ECDSA-CHACHA20-POLY1305",
      "ECDHE-RSA-CHACHA20-POLY1305",
    ].join(":"),
    honorCipherOrder: false,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    // Sessions are bound to it: other servers of this process have other ones.
    sessionIdContext: "meridian-edge",
  };
}
