import type { Site } from "../../common/config/site.ts";
import type { Change } from "../../state/change.ts";
import { siteInput } from "../site-text.ts";
import type { ApiContext } from "./context.ts";
import { differences } from "./differences.ts";
import { ApiError } from "./errors.ts";
import type { SiteVersion } from "./shapes.ts";

/** Changes that are read at a time while looking for those of one site. */
const PAGE = 500;

/** The conditions of a call that changes something. */
export interface Conditions {
  readonly "if-match"?: string | undefined;
  readonly "if-none-match"?: string | undefined;
}

/**
 * Refuses a change that its caller made of something else than what is in force (RFC 9110 sections
 * 13.1.1 and 13.1.2): so of two people who edit one thing, the second is told. `tag` is that of
 * what is in force, if there is any.
 */
export function checkConditions(
  conditions: Conditions,
  { tag, what }: { readonly tag: string | undefined; readonly what: string },
): void {
  const wanted = conditions["if-match"];
  if (wanted !== undefined && !matches(wanted, tag)) {
    throw new ApiError("changed", {
      field: "If-Match",
      message: tag === undefined ? `there is no such ${what} any more` : `it is ${tag} by now`,
      remedy: "Read it again, and make your change to what you get.",
    });
  }
  const unwanted = conditions["if-none-match"];
  if (unwanted !== undefined && matches(unwanted, tag)) {
    throw new ApiError("changed", {
      field: "If-None-Match",
      message: `there is such a ${what} already`,
      remedy: "Read it, and replace it with If-Match.",
    });
  }
}

function matches(list: string, tag: string | undefined): boolean {
  if (list.trim() === "*") return tag !== undefined;
  return list.split(",").some((one) => one.trim() === tag);
}

/** All that the log knows of a site, newest first. */
async function changesOf(context: ApiContext, site: string): Promise<Change[]> {
  const found: Change[] = [];
  let before: number | undefined;
  for (;;) {
    const page = await context.store.recentChanges(PAGE, before);
    found.push(...page.filter(({ body }) => concerns(body, site)));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return found;
    before = last.version;
  }
}

function concerns(body: Change["body"], site: string): boolean {
  return (
    (body.kind === "site-put" && body.site.name === site) ||
    (body.kind === "site-remove" && body.site === site)
  );
}

/** The versions of a site, newest first, and what each made different. */
export async function siteHistory(context: ApiContext, site: string): Promise<SiteVersion[]> {
  const changes = await changesOf(context, site);
  return changes.map(({ version, at, by, body }, index) => {
    const previous = changes[index + 1]?.body;
    const base = { version, at: new Date(at).toISOString(), by };
    if (body.kind !== "site-put") return { ...base, action: "removed" };
    if (previous === undefined) return { ...base, action: "put" };
    const before = previous.kind === "site-put" ? siteInput(previous.site) : undefined;
    return { ...base, action: "put", differences: differences(before, siteInput(body.site)) };
  });
}

/** A site as a version of it was. Refuses with the versions that there are. */
export async function siteAt(context: ApiContext, site: string, version: number): Promise<Site> {
  const changes = await changesOf(context, site);
  const puts = changes.flatMap(({ version, body }) =>
    body.kind === "site-put" ? [{ version, site: body.site }] : [],
  );
  const found = puts.find((put) => put.version === version);
  if (found !== undefined) return found.site;
  const versions = puts.map((put) => put.version).join(", ");
  throw new ApiError("not-found", {
    field: "version",
    message: `version ${version} did not put the site "${site}", or the log no longer has it`,
    remedy: versions === "" ? "The log knows no version of it." : `There are: ${versions}.`,
  });
}
