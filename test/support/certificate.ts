import { join } from "node:path";
import { runProcess } from "./process.ts";

/** A certificate that signs itself, and its key: files in PEM. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Makes a certificate for a name, further `hosts` and 127.0.0.1, good for a day or `days`, in a
 * folder.
 */
export async function makeCertificate(
  dir: string,
  name: string,
  options: { readonly hosts?: readonly string[]; readonly days?: number } = {},
): Promise<TestCertificate> {
  const { hosts = [], days = 1 } = options;
  const files = { certificate: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  args.push(
    "-days",
    String(days),
    "-subj",
    `/CN=${name}`,
    "-out",
    files.certificate,
    "-keyout",
    files.key,
  );
  const names = [name, ...hosts].map((host) => `DNS:${host}`);
  args.push("-addext", `subjectAltName=${[...names, "IP:127.0.0.1"].join(",")}`);
  const { code, stderr } = await runProcess({ command: "openssl", args });
  if (code !== 0) throw new Error(`openssl cannot make a certificate: ${stderr}`);
  return files;
}
