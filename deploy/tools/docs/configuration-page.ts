import { configurationSchema, kindOf, type SchemaNode } from "./configuration-schema.ts";
import { GENERATED_NOTE, markdownTable } from "./markdown.ts";

/**
 * `docs/configuration.md`: every key of a configuration file, its type, default and meaning (P).
 */
export function configurationPage(): string {
  const rows = rowsOf(configurationSchema(), "");
  return `# Configuration

${GENERATED_NOTE}

One YAML file for all daemons. It is checked as a whole: \`meridian config check FILE\` lists every
problem with its line and column, and unknown keys are problems. Editors that read JSON Schema can
use [config.schema.json](../deploy/config.schema.json). \`[]\` stands for each entry of a list. A
map has names that are yours to choose. What rules do is told with examples in [rules.md](rules.md).

${markdownTable(["key", "type", "default", "meaning"], rows)}
Durations are written as \`250ms\`, \`20s\`, \`5m\`, \`1h\`, \`7d\`; sizes as \`256MiB\` or \`10GB\`; rates as
\`10Gbps\`; addresses with ports as \`127.0.0.1:8080\` or \`[::1]:8080\`.
`;
}

function rowsOf(node: SchemaNode, path: string): string[][] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const key = path === "" ? name : `${path}.${name}`;
    const required = node.required?.includes(name) === true;
    const row = [`\`${key}\``, typeText(child), defaultText(child, required)];
    return [[...row, child.description ?? ""], ...alternatives(child).flatMap(innerRows(key))];
  });
}

/** The rows of what lies inside a value of one form. */
function innerRows(key: string): (node: SchemaNode) => string[][] {
  return (node) =>
    node.items === undefined
      ? rowsOf(node, key)
      : alternatives(node.items).flatMap((item) => rowsOf(item, `${key}[]`));
}

/** The forms that a value may have. */
function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return node.anyOf === undefined ? [node] : node.anyOf.flatMap(alternatives);
}

function typeText(node: SchemaNode): string {
  if (node.anyOf !== undefined) {
    return [...new Set(alternatives(node).map(typeText))].join(" or ");
  }
  if (node.enum !== undefined) return node.enum.map((value) => `\`${value}\``).join(", ");
  if (node.prefixItems !== undefined) return "two numbers";
  if (node.items !== undefined) return `list: ${typeText(node.items)}`;
  if (node.properties !== undefined) return "section";
  const { additionalProperties: entry } = node;
  if (typeof entry === "object") {
    return entry.anyOf === undefined ? `map: ${typeText(entry)}` : `map: (${typeText(entry)})`;
  }
  if (node.type === "string" || node.type === undefined) {
    return kindOf(node.pattern)?.replace("-", " ") ?? "text";
  }
  const range = [node.minimum, node.maximum].filter((bound) => bound !== undefined).join(" to ");
  return node.type === "integer" ? `whole number${range === "" ? "" : `, ${range}`}` : node.type;
}

function defaultText(node: SchemaNode, required: boolean): string {
  if (required) return "required";
  if (node.default === undefined || node.properties !== undefined) return "";
  return `\`${typeof node.default === "string" ? node.default : JSON.stringify(node.default)}\``;
}
