import { useCertificate } from "../../common/certificate.ts";
import type { Logger } from "../../common/log.ts";
import { type SealingKey, unseal } from "../../common/sealed.ts";
import type { CertificateRecord } from "../../state/certificates.ts";
import type { EdgeCertificate } from "./certificate-table.ts";
import { contextOptions, type TlsVersion } from "./secure-context.ts";

/** What is needed to use certificates of the state. */
export interface RecordOptions {
  /** Left out: private keys cannot be opened, and none of them is served. */
  readonly sealingKey: SealingKey | undefined;
  readonly minVersion: TlsVersion;
  readonly log: Logger;
}

/** Makes certificates of the state ready for use. One that cannot be used is logged once. */
export class StateCertificates {
  readonly #options: RecordOptions;
  readonly #known = new Map<
    string,
    { record: CertificateRecord; made: EdgeCertificate | undefined }
  >();

  constructor(options: RecordOptions) {
    this.#options = options;
  }

  /**
   * Those that can be used of all that the state has. Of a name whose new record cannot be used the
   * last good one stays.
   */
  use(records: Iterable<CertificateRecord>): EdgeCertificate[] {
    const names = new Set<string>();
    const usable: EdgeCertificate[] = [];
    for (const record of records) {
      const { name } = record;
      names.add(name);
      const known = this.#known.get(name);
      const isSame = known?.record.chain === record.chain && known.record.key === record.key;
      const made = isSame ? known.made : (this.#make(record) ?? known?.made);
      this.#known.set(name, { record, made });
      if (made !== undefined) usable.push(made);
    }
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
    return usable;
  }

  #make(record: CertificateRecord): EdgeCertificate | undefined {
    const { sealingKey, minVersion, log } = this.#options;
    const { name, chain } = record;
    const refuse = (reason: string): undefined => {
      log.error({ event: "certificate-unusable", certificate: name, reason });
      return undefined;
    };
    if (sealingKey === undefined) {
      return refuse(
        "its key is sealed, and this edge has neither tls.keyFile nor MERIDIAN_TLS_KEY",
      );
    }
    const key = unseal(sealingKey, name, record.key);
    if (!key.ok) return refuse(`its key ${key.error}`);
    try {
      const made = useCertificate({ chain, key: key.value }, contextOptions(minVersion));
      const expires = new Date(made.notAfter).toISOString();
      log.info({ event: "certificate-loaded", certificate: name, hosts: made.hosts, expires });
      return { ...made, name };
    } catch (error) {
      return refuse(error instanceof Error ? error.message : String(error));
    }
  }
}
