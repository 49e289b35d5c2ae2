import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import * as fc from "fast-check";
import { OPERATIONS } from "../../../control/api/answers.ts";
import { openEmbeddedState } from "../../../state/embedded.ts";
import { assertDocumented, startTestControl } from "../support.ts";

/** As much of a JSON Schema as calls are made from. */
interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: Node;
}

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly parameters: readonly Parameter[];
            readonly requestBody?: {
              readonly content: Readonly<Record<string, { readonly schema: Node }>>;
            };
          }
        >
      >
    >
  >;
}

async function start(t: TestContext) {
  const store = openEmbeddedState({ file: ":memory:" });
  t.after(() => store.close());
  const demo = { isRunning: () => true, start: async () => {}, stop: async () => {} };
  const control = await startTestControl(t, store, { demo });
  const response = await fetch(`${control.base}/v1/openapi.json`);
  return { ...control, document: (await response.json()) as Document };
}

describe("the OpenAPI document", () => {
  it("is one, by the schema of its standard", async (t) => {
    const { document } = await start(t);
    const result = await new Validator().validate({ ...document });
    assert.ok(result.valid, JSON.stringify(result.errors, null, 2));
  });

  it("tells of every operation, once, and of no others", async (t) => {
    const { document } = await start(t);
    const told = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(
        (method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`,
      ),
    );
    assert.deepEqual(told.toSorted(), Object.keys(OPERATIONS).toSorted());
  });

  it("names the parameters of a call, and says which may be left out", async (t) => {
    const { document } = await start(t);
    const purge = document.paths["/sites/{site}/purge"]?.["post"];
    assert.deepEqual(
      purge?.parameters.map(({ name, in: place }) => [name, place]),
      [
        ["site", "path"],
        ["wait", "query"],
      ],
    );
    assert.ok(purge?.requestBody?.content["application/json"]?.schema.properties?.["tags"]);
  });
});

/** Values that the API has seen in no other test. */
const ODD = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    "",
    "netcinema",
    "syd-1",
    "../..",
    "__proto__",
    "constructor",
    "%00",
    "a".repeat(300),
  ),
);

/** Calls that look like what the schema describes, with something odd in some places. */
function valueFor(node: Node, depth = 0): fc.Arbitrary<unknown> {
  const proper = properValue(node, depth);
  return fc.oneof({ weight: 9, arbitrary: proper }, { weight: 1, arbitrary: ODD });
}

function properValue(node: Node, depth: number): fc.Arbitrary<unknown> {
  if (node.const !== undefined) return fc.constant(node.const);
  if (node.enum !== undefined) return fc.constantFrom(...node.enum);
  const choices = node.anyOf ?? node.oneOf;
  if (choices !== undefined && choices.length > 0) {
    return fc.oneof(...choices.map((choice) => valueFor(choice, depth + 1)));
  }
  switch (node.type) {
    case "object":
      return objectFor(node, depth);
    case "array":
      return fc.array(valueFor(node.items ?? {}, depth + 1), { maxLength: 3 });
    case "integer":
    case "number":
      return fc.oneof(
        fc.integer({ min: -1, max: 9 }).map((more) => Math.max(-9, node.minimum ?? -9) + more),
        fc.double(),
      );
    case "boolean":
      return fc.boolean();
    case "string":
      return fc.constantFrom(
        "a",
        "netcinema",
        "http://192.0.2.1/",
        "20s",
        "/a/*",
        "www.a.test",
        "1MiB",
      );
    default:
      return ODD;
  }
}

function objectFor(node: Node, depth: number): fc.Arbitrary<unknown> {
  const entries = Object.entries(node.properties ?? {}).map(
    ([name, child]) => [name, depth > 5 ? ODD : valueFor(child, depth + 1)] as const,
  );
  const required = (node.required ?? []).filter((name) => node.properties?.[name] !== undefined);
  return fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record(Object.fromEntries(entries), { requiredKeys: [...required] }),
    },
    { weight: 1, arbitrary: fc.dictionary(fc.string({ maxLength: 8 }), ODD, { maxKeys: 3 }) },
  );
}

describe("calls made from the OpenAPI document, with something odd in them", () => {
  it("are answered as it says, never by a mistake of ours", { timeout: 120_000 }, async (t) => {
    const { base, document } = await start(t);
    const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => {
        const named = operation.parameters.filter((one) => one.in !== "header");
        const schema = operation.requestBody?.content["application/json"]?.schema;
        return fc.record({
          method: fc.constant(method.toUpperCase()),
          path: fc.constant(path),
          values: fc.record(
            Object.fromEntries(named.map((one) => [one.name, valueFor(one.schema)])),
            { requiredKeys: named.filter((one) => one.in === "path").map((one) => one.name) },
          ),
          inPath: fc.constant(named.filter((one) => one.in === "path").map((one) => one.name)),
          body: schema === undefined ? fc.constant(undefined) : valueFor(schema),
        });
      }),
    );
    const statuses = new Map<number, number>();
    const property = fc.asyncProperty(fc.oneof(...calls), async (call) => {
      const texts = new Map(
        Object.entries(call.values).map(([name, value]) => [name, textOf(value)]),
      );
      let target = call.path;
      for (const name of call.inPath) {
        target = target.replace(`{${name}}`, encodeURIComponent(texts.get(name) ?? "") || "%20");
        texts.delete(name);
      }
      // What only waits, or asks servers that are not there, is slow and says nothing new.
      texts.delete("wait");
      const query = new URLSearchParams([...texts]).toString();
      const response = await fetch(`${base}/v1${target}?${query}`, {
        method: call.method,
        ...(call.body === undefined
          ? {}
          : {
              headers: { "content-type": "application/json" },
              body: JSON.stringify(call.body) ?? "",
            }),
      });
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      const body: unknown = await response.json();
      const ours = response.status >= 500 && response.status !== 502;
      assert.ok(!ours, `${call.method} ${target}: ${response.status} ${JSON.stringify(body)}`);
      const anywhere = call.path.replace(/\{(\w+)\}/g, "x");
      assertDocumented(call.method, `${anywhere}?${query}`, { status: response.status, body });
    });
    await fc.assert(property, { numRuns: 1_500 });
    assert.ok((statuses.get(200) ?? 0) > 20, `some work: ${JSON.stringify([...statuses])}`);
    assert.ok((statuses.get(400) ?? 0) > 20, `some do not: ${JSON.stringify([...statuses])}`);
  });
});

function textOf(value: unknown): string {
  return typeof value === "string" ? value.toWellFormed() : (JSON.stringify(value) ?? "");
}
