import { type Issue, plainIssues } from "../../common/config/issues.ts";
import type { ErrorBody, ErrorCode } from "./shapes.ts";

const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  "wrong-site": 400,
  unauthenticated: 401,
  forbidden: 403,
  "forbidden-origin": 403,
  "not-found": 404,
  exists: 409,
  "host-taken": 409,
  changed: 412,
  "too-large": 413,
  "too-many": 429,
  internal: 500,
  unreachable: 502,
  busy: 503,
  "state-unavailable": 503,
};

/** Ends a call of the API with a refusal that says what is wrong and what to do. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly body: ErrorBody;

  constructor(code: ErrorCode, error: Omit<ErrorBody["error"], "code">) {
    super(error.message);
    this.status = STATUS[code];
    this.body = { error: { code, ...error } };
  }
}

/** What zod found wrong with a part of a call, as a refusal (P). */
export function invalidError(issues: readonly Issue[]): ApiError {
  const problems = plainIssues(issues).flatMap(issueProblems);
  const [first = { field: "", message: "is not valid" }] = problems;
  return new ApiError("invalid", {
    ...(first.field === "" ? {} : { field: first.field }),
    message: first.message,
    ...(problems.length > 1 ? { problems } : {}),
  });
}

function issueProblems(issue: Issue): { field: string; message: string }[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      field: fieldText([...issue.path, key]),
      message: "there is no such key",
    }));
  }
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  const message = missing ? `is required (${issue.expected})` : issue.message;
  return [{ field: fieldText(issue.path), message }];
}

/** A path from the root of a call as people write it, such as `origin.urls[0]` (P). */
export function fieldText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${String(part)}`,
    )
    .join("");
}
