import { z } from "zod";
import { invariant } from "../../common/assert.ts";
import type { TokenScope } from "../../state/records.ts";
import { errorAnswer, OPERATIONS } from "./answers.ts";
import type { ApiServer } from "./context.ts";

/** What the API says of itself about one route. */
interface Route {
  /** Such as `GET /sites/:site`, below `/v1`. */
  readonly name: string;
  readonly scope: TokenScope;
  readonly params?: z.ZodType;
  readonly querystring?: z.ZodType;
  readonly body?: z.ZodType;
}

/** A JSON Schema, or any other node of the document. */
type Json = Readonly<Record<string, unknown>>;

const DESCRIPTION =
  "Sites, purges, drains, certificates and tokens of a CDN. Every change is appended to one ordered log, and its " +
  "version says where. Refusals say what is wrong and what to do.";

/**
 * Serves `/v1/openapi.json`: the routes that are added after this call, as OpenAPI 3.1. It is made
 * of the very schemas that check calls, at the first request.
 */
export function addOpenApi(app: ApiServer): void {
  const routes: Route[] = [];
  app.addHook("onRoute", ({ method, url, config, schema }) => {
    const need = config?.need;
    if (method === "HEAD" || need === undefined || need === "nobody") return;
    const { params, querystring, body } = (schema ?? {}) as Partial<Route>;
    routes.push({
      name: `${String(method)} ${url.replace(/^\/v1/, "")}`,
      scope: need.scope,
      ...(params === undefined ? {} : { params }),
      ...(querystring === undefined ? {} : { querystring }),
      ...(body === undefined ? {} : { body }),
    });
  });
  let document: Json | undefined;
  app.get("/v1/openapi.json", { config: { need: "nobody" } }, () => {
    document ??= openApi(routes);
    return document;
  });
}

/** The document for some routes (P). A route that `OPERATIONS` does not tell of is our mistake. */
function openApi(routes: readonly Route[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const [method = "", path = ""] = route.name.split(" ");
    const template = path.replace(/:(\w+)/g, "{$1}");
    paths[template] = { ...paths[template], [method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Meridian control API", version: "1", description: DESCRIPTION },
    servers: [{ url: "/v1" }],
    security: [{ token: [] }],
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Error: schemaOf(errorAnswer, "output") },
    },
    paths,
  };
}

function operation(route: Route): Json {
  const told = OPERATIONS[route.name];
  invariant(told !== undefined, `${route.name} has a summary and an answer`);
  const { summary, answer, status = 200, dryRun } = told;
  const [method = ""] = route.name.split(" ");
  const answers = dryRun === undefined || status !== 200 ? answer : z.union([answer, dryRun]);
  return {
    operationId: route.name.replace(/[^A-Za-z]+(.)/g, (_, letter: string) => letter.toUpperCase()),
    summary,
    description: `Needs a token of the scope \`${route.scope}\`.`,
    parameters: [
      ...parameters(route.params, "path"),
      ...parameters(route.querystring, "query"),
      ...(/\/(sites\/:site|certificates\/:certificate)/.test(route.name) &&
      method !== "GET" &&
      dryRun !== undefined
        ? [IF_MATCH]
        : []),
    ],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: json(schemaOf(route.body, "input")) } }),
    responses: {
      [status]: { description: summary, content: json(schemaOf(answers, "input")) },
      ...(dryRun === undefined || status === 200
        ? {}
        : { 200: { description: "What it would do.", content: json(schemaOf(dryRun, "input")) } }),
      default: {
        description: "What is wrong, and what to do.",
        content: json({ $ref: "#/components/schemas/Error" }),
      },
    },
  };
}

const IF_MATCH: Json = {
  name: "If-Match",
  in: "header",
  description: "The etag of what the change was made of; 412 if that is not in force any more.",
  schema: { type: "string" },
};

function parameters(schema: z.ZodType | undefined, place: "path" | "query"): Json[] {
  if (schema === undefined) return [];
  // What text is turned into says more than that it was text; what has a default may be left out.
  const { properties = {} } = schemaOf(schema, "output") as {
    readonly properties?: Readonly<Record<string, Json>>;
  };
  const { required = [] } = schemaOf(schema, "input") as { readonly required?: readonly string[] };
  return Object.entries(properties).map(([name, node]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: node,
  }));
}

function json(schema: Json): Json {
  return { "application/json": { schema } };
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...node } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      // A name of ours for kinds of text, which other readers do not know.
      delete (jsonSchema as Record<string, unknown>)["kind"];
    },
  });
  return node;
}
