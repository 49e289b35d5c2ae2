import { z } from "zod";
import type { EpochMs } from "../../common/clock.ts";
import { duration, label } from "../../common/config/fields.ts";
import { systemRandom } from "../../common/random.ts";
import { TOKEN_SCOPES, type TokenRecord } from "../../state/records.ts";
import { mintToken } from "../access/token.ts";
import { type ApiContext, type ApiServer, decideChange } from "./context.ts";
import { ApiError } from "./errors.ts";
import type { TokenBody, TokenCreatedBody, TokenListBody, TokenRevokedBody } from "./shapes.ts";

/** Every node keeps them all. */
const TOKENS_MAX = 1_000;
const TOKEN_SITES_MAX = 100;
/** Names that the log of changes uses for others. */
const RESERVED = ["config", "api", "operator"];

const createSchema = {
  body: z.strictObject({
    name: label.refine(
      (name) => !RESERVED.includes(name),
      `must not be one of ${RESERVED.join(", ")}: the log of changes means others by them`,
    ),
    scope: z.enum(TOKEN_SCOPES),
    sites: z.array(label).min(1).max(TOKEN_SITES_MAX).optional(),
    expiresIn: duration.optional(),
  }),
};
const revokeSchema = { params: z.strictObject({ token: z.string().min(1).max(64) }) };

/** `/v1/tokens`: who may call this API. */
export function addTokenRoutes(app: ApiServer, context: ApiContext): void {
  const config = { need: { scope: "admin", about: "cdn" } } as const;

  app.get("/v1/tokens", { config }, async (): Promise<TokenListBody> => {
    const { tokens } = await context.store.snapshot();
    const now = context.clock.now();
    const sorted = [...tokens].sort((a, b) => (a.name < b.name ? -1 : 1));
    return { tokens: sorted.map((token) => tokenBody(token, now)) };
  });

  app.post("/v1/tokens", { schema: createSchema, config }, async (call, reply) => {
    const { name, scope, sites, expiresIn } = call.body;
    const { text, id, hash } = mintToken(systemRandom);
    const createdAt = context.clock.now();
    const token: TokenRecord = {
      id,
      name,
      hash,
      scope,
      createdAt,
      ...(sites === undefined ? {} : { sites }),
      ...(expiresIn === undefined ? {} : { expiresAt: createdAt + expiresIn }),
    };
    const change = await decideChange(context, call.caller.name, ({ tokens }) => {
      refuseToken(token, tokens);
      return { kind: "token-put", token };
    });
    const answer: TokenCreatedBody = {
      ...tokenBody(token, createdAt),
      token: text,
      version: change?.version ?? 0,
    };
    return reply.code(201).send(answer);
  });

  app.delete(
    "/v1/tokens/:token",
    { schema: revokeSchema, config },
    async (call): Promise<TokenRevokedBody> => {
      const asked = call.params.token;
      let found: TokenRecord | undefined;
      const change = await decideChange(context, call.caller.name, ({ tokens }) => {
        found = tokens.find(({ id, name }) => id === asked || name === asked);
        if (found === undefined) throw unknownToken(asked, tokens);
        return { kind: "token-remove", token: found.id };
      });
      const { id = "", name = "" } = found ?? {};
      return { id, name, version: change?.version ?? 0 };
    },
  );
}

function refuseToken(token: TokenRecord, tokens: readonly TokenRecord[]): void {
  if (tokens.some(({ name }) => name === token.name)) {
    throw new ApiError("exists", {
      field: "name",
      message: `there is a token "${token.name}" already`,
      remedy: "Choose another name; to replace it, create the new one first, then revoke the old.",
    });
  }
  if (tokens.length < TOKENS_MAX) return;
  throw new ApiError("invalid", {
    message: `there are ${TOKENS_MAX} tokens, which is all that are kept`,
    remedy: "Revoke those that nobody uses.",
  });
}

function unknownToken(asked: string, tokens: readonly TokenRecord[]): ApiError {
  const names = tokens.map(({ name }) => name).sort();
  return new ApiError("not-found", {
    field: "token",
    message: `there is no token "${asked}"`,
    remedy: names.length === 0 ? "There are no tokens yet." : `Tokens: ${names.join(", ")}.`,
  });
}

function tokenBody(token: TokenRecord, now: EpochMs): TokenBody {
  const { id, name, scope, sites, createdAt, expiresAt } = token;
  return {
    id,
    name,
    scope,
    ...(sites === undefined ? {} : { sites }),
    created: new Date(createdAt).toISOString(),
    ...(expiresAt === undefined ? {} : { expires: new Date(expiresAt).toISOString() }),
    expired: expiresAt !== undefined && now >= expiresAt,
  };
}
