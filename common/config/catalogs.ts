import { z } from "zod";
import { hostName, socketAddress } from "./fields.ts";
import { keyName, transferSchema } from "./zones.ts";

/** Where members of a catalog come from, and who may have them. */
const membersSchema = z.strictObject({
  primaries: z
    .array(socketAddress)
    .min(1, "needs at least one primary")
    .optional()
    .describe("Servers that members are transferred from; left out: those of the catalog."),
  key: keyName.optional().describe("The key of `tsig` for that; left out: that of the catalog."),
  transfer: transferSchema.optional().describe("Who may have members; left out: nobody."),
});

/** A list of zones that servers tell one another (RFC 9432): one that we give, or one we take. */
export const catalogSchema = z.strictObject({
  name: hostName.describe("Name of the catalog zone."),
  transfer: transferSchema
    .optional()
    .describe("Of a catalog that we give: who may have it. All zones with `transfer` are in it."),
  primaries: z
    .array(socketAddress)
    .min(1, "needs at least one primary")
    .optional()
    .describe("Of a catalog that we take: servers that it is transferred from."),
  key: keyName.optional().describe("The key of `tsig` that signs what goes to the primaries."),
  folder: z
    .string()
    .optional()
    .describe("Of a catalog that we take: where it and its members are kept for the next start."),
  members: membersSchema.prefault({}).describe("Of a catalog that we take: all its members."),
  groups: z
    .record(z.string().min(1).max(255), membersSchema)
    .default({})
    .describe("What holds instead for members of a group (RFC 9432 section 4.4.2)."),
});

/** A catalog, as the daemons use it. */
export type CatalogConfig = z.infer<typeof catalogSchema>;
