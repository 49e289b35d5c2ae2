import type { z } from "zod";

/** One thing that is wrong with a value, at a path from its root. */
export type Issue = z.core.$ZodIssue;

/**
 * The issues of a value, those of alternatives and of names in maps taken out of their wrapping
 * (P). Of alternatives those of the one count that was meant: whose issues lie inside the value, or
 * are not about its type.
 */
export function plainIssues(issues: readonly Issue[]): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code === "invalid_union") return alternativeIssues(issue);
    if (issue.code === "invalid_key") return keyIssues(issue);
    return [issue];
  });
}

function alternativeIssues(union: Extract<Issue, { code: "invalid_union" }>): Issue[] {
  const meant = union.errors.find((branch) => !branch.some(isWrongType));
  if (meant !== undefined) {
    return plainIssues(meant).map((issue) => ({ ...issue, path: [...union.path, ...issue.path] }));
  }
  const types = union.errors.flatMap(expectedTypes);
  const message = `must be ${[...new Set(types)].join(" or ")}`;
  return [{ code: "custom", path: union.path, message, input: union.input }];
}

function isWrongType(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_union")
    return issue.errors.every((branch) => branch.some(isWrongType));
  return issue.code === "invalid_type" || issue.code === "invalid_value";
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  array: "a list",
  object: "a section",
  record: "a section",
  boolean: "true or false",
};

function expectedTypes(branch: readonly Issue[]): string[] {
  return branch.flatMap((issue) => {
    if (issue.code === "invalid_union") return issue.errors.flatMap(expectedTypes);
    if (issue.code === "invalid_value") return issue.values.map((value) => `"${String(value)}"`);
    return issue.code === "invalid_type" ? [TYPES[issue.expected] ?? issue.expected] : [];
  });
}

function keyIssues(issue: Extract<Issue, { code: "invalid_key" }>): Issue[] {
  const [inner] = issue.issues;
  const name = String(issue.path.at(-1));
  const message = inner === undefined ? issue.message : `"${name}" ${inner.message}`;
  return [{ code: "custom", path: issue.path, message, input: issue.input }];
}
