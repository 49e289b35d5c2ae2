import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProcess } from "./process.ts";

/** A certificate with those that lead to its root, and its key, as PEM. */
export interface IssuedCertificate {
  readonly leaf: string;
  readonly intermediate: string;
  readonly root: string;
  /** The leaf and what signed it. */
  readonly chain: string;
  readonly key: string;
}

/** What a certificate is asked for. */
export interface Wanted {
  readonly hosts: readonly string[];
  /** Left out: 30. */
  readonly days?: number;
  /** `openssl req -newkey`; left out: ECDSA P-256. */
  readonly keyOptions?: readonly string[];
}

const P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/** Issues a certificate by a root and an intermediate authority made with OpenSSL, in a folder. */
export async function issueCertificate(dir: string, wanted: Wanted): Promise<IssuedCertificate> {
  const at = (file: string) => join(dir, file);
  const names = wanted.hosts.map((host) => `DNS:${host}`).join(",");
  const leafExtensions = names === "" ? "basicConstraints=CA:FALSE\n" : `subjectAltName=${names}\n`;
  writeFileSync(at("ca.ext"), "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n");
  writeFileSync(at("leaf.ext"), leafExtensions);
  const root = ["-subj", "/CN=Test Root", "-keyout", at("root.key"), "-out", at("root.pem")];
  await openssl(["req", "-x509", ...P256, "-nodes", "-days", "90", ...root]);
  await request(dir, "middle", P256);
  await sign(dir, { name: "middle", by: "root", extensions: "ca.ext", days: 60 });
  await request(dir, "leaf", wanted.keyOptions ?? P256);
  const { days = 30 } = wanted;
  await sign(dir, { name: "leaf", by: "middle", extensions: "leaf.ext", days });
  const read = (file: string) => readFileSync(at(file), "utf8");
  const [leaf, intermediate] = [read("leaf.pem"), read("middle.pem")];
  const chain = leaf + intermediate;
  return { leaf, intermediate, root: read("root.pem"), chain, key: read("leaf.key") };
}

async function request(dir: string, name: string, key: readonly string[]): Promise<void> {
  const files = ["-keyout", join(dir, `${name}.key`), "-out", join(dir, `${name}.csr`)];
  await openssl(["req", "-new", ...key, "-nodes", "-subj", `/CN=${name}`, ...files]);
}

async function sign(
  dir: string,
  how: {
    readonly name: string;
    readonly by: string;
    readonly extensions: string;
    readonly days: number;
  },
): Promise<void> {
  const at = (file: string) => join(dir, file);
  const { name, by, extensions, days } = how;
  const authority = ["-CA", at(`${by}.pem`), "-CAkey", at(`${by}.key`), "-CAcreateserial"];
  const files = ["-in", at(`${name}.csr`), "-out", at(`${name}.pem`), "-extfile", at(extensions)];
  await openssl(["x509", "-req", ...authority, ...files, "-days", String(days)]);
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProcess({ command: "openssl", args });
  if (code !== 0) throw new Error(`openssl ${args[0] ?? ""} failed: ${stderr}`);
}
