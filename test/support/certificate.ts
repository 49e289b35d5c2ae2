import { join } from "node:path";
import { runProcess } from "./process.ts";

/** A certificate that signs itself, and its key: files in PEM. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Makes a certificate for a name and 127.0.0.1, good for a day, in a folder. */
export async function makeCertificate(dir: string, name: string): Promise<TestCertificate> {
  const files = { certificate: join(dir, `${name}.pem`), key: join(dir, `${name}.key`) };
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  args.push("-days", "1", "-subj", `/CN=${name}`, "-out", files.certificate, "-keyout", files.key);
  args.push("-addext", `subjectAltName=DNS:${name},IP:127.0.0.1`);
  const { code, stderr } = await runProcess({ command: "openssl", args });
  if (code !== 0) throw new Error(`openssl cannot make a certificate: ${stderr}`);
  return files;
}
