import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  configurationSchema,
  type SchemaNode,
} from "../../../deploy/tools/docs/configuration-schema.ts";
import { generatedDocuments } from "../../../deploy/tools/docs/documents.ts";
import { REPOSITORY } from "../../support/process.ts";

function nodeAt(...path: readonly string[]): SchemaNode {
  let node = configurationSchema();
  for (const key of path) {
    const next: SchemaNode | undefined = key === "[]" ? node.items : node.properties?.[key];
    assert.ok(next, path.join("."));
    node = next;
  }
  return node;
}

function undescribed(node: SchemaNode, path: string): string[] {
  const inner = node.items === undefined ? node : node.items;
  return Object.entries(inner.properties ?? {}).flatMap(([name, child]) => {
    const key = `${path}.${name}`;
    return [...(child.description === undefined ? [key] : []), ...undescribed(child, key)];
  });
}

describe("documents that are made from code", () => {
  for (const [path, text] of generatedDocuments()) {
    it(`${path} is what npm run -s docs makes`, () => {
      const written = readFileSync(join(REPOSITORY, path), "utf8");
      const [old, now] = [written.split("\n"), text.split("\n")];
      const line = now.findIndex((wanted, index) => wanted !== old[index]);
      const where = `${path}:${line + 1} is out of date: npm run -s docs`;
      assert.ok(written === text, `${where}\n- ${old[line]}\n+ ${now[line]}`);
    });
  }

  it("the schema writes defaults as people do", () => {
    assert.equal(nodeAt("cdn", "ttl").default, "20s");
    assert.equal(nodeAt("health", "interval").default, "500ms");
    assert.equal(nodeAt("pops", "[]", "edges", "[]", "memory").default, "256MiB");
    assert.equal(nodeAt("pops", "[]", "edges", "[]", "capacity").default, "1Gbps");
    assert.deepEqual(nodeAt("router", "listen").default, ["127.0.0.1:5300"]);
    assert.equal(nodeAt("control", "listen").default, "127.0.0.1:9090");
  });

  it("the schema's patterns accept what the parser accepts, and not more than looks like it", () => {
    const accepts = (node: SchemaNode, text: string) => new RegExp(node.pattern ?? "^$").test(text);
    const ttl = nodeAt("cdn", "ttl");
    for (const text of ["0", "20s", "1.5h", "250 ms"]) assert.equal(accepts(ttl, text), true, text);
    for (const text of ["20", "s", "-1s"]) assert.equal(accepts(ttl, text), false, text);
    const admin = nodeAt("router", "admin");
    assert.equal(accepts(admin, "[::1]:80"), true);
    assert.equal(accepts(admin, "localhost:80"), false);
  });

  it("the schema says what every key means", () => {
    assert.deepEqual(undescribed(configurationSchema(), ""), []);
  });
});
