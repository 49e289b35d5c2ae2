// Writes the documents that are made from code: `npm run -s docs`.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generatedDocuments } from "./docs/documents.ts";

const root = join(import.meta.dirname, "..", "..");
for (const [path, text] of generatedDocuments()) {
  writeFileSync(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
