import { z } from "zod";
import { formatSocketAddress } from "../../../common/address.ts";
import { configSchema } from "../../../common/config/schema.ts";
import { formatSizeBytes } from "../../../common/units.ts";

/** A JSON Schema node, as far as the documents look into it. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly prefixItems?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  /** What stands under each name of a map. */
  readonly additionalProperties?: SchemaNode | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly kind?: string;
}

/** How the kinds of text of `common/config/fields.ts` look. */
const PATTERNS: Readonly<Record<string, string>> = {
  duration: "^\\s*(0|\\d+(\\.\\d+)?\\s*(ms|s|m|h|d))\\s*$",
  size: "^\\s*(0|\\d+(\\.\\d+)?\\s*([KMGT]i?)?B)\\s*$",
  "bit-rate": "^\\s*(0|\\d+(\\.\\d+)?\\s*[kMGT]?bps)\\s*$",
  "socket-address": "^(\\[[0-9A-Fa-f:.]+\\]|\\d+\\.\\d+\\.\\d+\\.\\d+):\\d{1,5}$",
  "ip-prefix": "^[0-9A-Fa-f:.]+/\\d{1,3}$",
};

/**
 * The JSON Schema of a configuration file (P). Defaults are written as people write them: the
 * schema's own ones stand behind its transforms, as numbers of milliseconds and bytes.
 */
export function configurationSchema(): SchemaNode {
  return z.toJSONSchema(configSchema, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      const node = jsonSchema as Record<string, unknown>;
      const { kind } = jsonSchema as SchemaNode;
      const { def } = zodSchema._zod;
      if (kind !== undefined) {
        node["pattern"] = PATTERNS[kind];
        delete node["kind"];
      }
      if (def.type === "default") {
        const itemKind = (jsonSchema.items as SchemaNode | undefined)?.pattern;
        node["default"] = written(def.defaultValue, kind ?? kindOf(node["pattern"] ?? itemKind));
      }
    },
  }) as SchemaNode;
}

/** Which kind of text a pattern stands for: `duration`, `size` and so on (P). */
export function kindOf(pattern: unknown): string | undefined {
  return Object.keys(PATTERNS).find((kind) => PATTERNS[kind] === pattern);
}

function written(value: unknown, kind: string | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => written(item, kind));
  if (kind === "socket-address") return formatSocketAddress(value as never);
  if (typeof value !== "number") return value;
  switch (kind) {
    case "duration":
      return value % 1_000 === 0 ? `${value / 1_000}s` : `${value}ms`;
    case "size":
      return formatSizeBytes(value);
    case "bit-rate":
      return value % 1e9 === 0 ? `${value / 1e9}Gbps` : `${value / 1e6}Mbps`;
    default:
      return value;
  }
}
