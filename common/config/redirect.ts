import { z } from "zod";

/** `http(s)://` and a host, `{host}` or none at all, then a path that a capture cannot leave. */
const TARGET =
  /^(?:https?:\/\/(?:\{host\}|[a-z0-9][a-z0-9.-]*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)?(?:\/(?!\/)|\{path\})/i;

/** Where clients are sent. */
export const redirectSchema = z.strictObject({
  to: z
    .string()
    .max(2_048)
    .regex(/^[!-~]*$/, "must be visible ASCII")
    .regex(/^[^\\"<>^`|]*$/, "has characters that a URL does not have")
    .regex(
      TARGET,
      "must be a path, or http:// or https://, a host or {host}, and a path: what a client sends " +
        "can only stand in the path",
    )
    .describe(
      "Where to: `https://{host}{path}`, `/new/{1}`. `{path}` is the path that was asked for, " +
        "`{1}` what the first `*` of the path stands for.",
    ),
  status: z
    .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)])
    .default(302)
    .describe("301 and 308 for ever, 302 and 307 for now, 303 after a form was sent."),
  query: z.boolean().default(true).describe("False: the query that was asked for is dropped."),
});

/** A redirect of a rule. */
export type Redirect = z.infer<typeof redirectSchema>;
