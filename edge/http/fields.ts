/**
 * Field lines of a message in the order in which they came, names in lower case, values as they
 * stood on the wire without surrounding white space (RFC 9110 section 5). Repeated names stay
 * apart: Node's and undici's own maps merge or drop them, which loses what RFC 9111 needs to see.
 */
export type FieldLines = readonly FieldLine[];

/** One field line. */
export type FieldLine = readonly [name: string, value: string];

/**
 * Makes field lines of the flat `[name, value, name, value]` list that Node and undici give (P).
 */
export function fieldLinesFromRaw(raw: readonly (string | Buffer)[]): FieldLine[] {
  const lines: FieldLine[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    lines.push([text(raw[i]).toLowerCase(), trimWhiteSpace(text(raw[i + 1]))]);
  }
  return lines;
}

/** The value of each line of a field, in order (P). `name` is in lower case. */
export function fieldValues(fields: FieldLines, name: string): string[] {
  const values: string[] = [];
  for (const [lineName, value] of fields) if (lineName === name) values.push(value);
  return values;
}

/**
 * All lines of a field joined with commas (RFC 9110 section 5.3), or undefined if there is none
 * (P).
 */
export function combinedField(fields: FieldLines, name: string): string | undefined {
  const values = fieldValues(fields, name);
  return values.length === 0 ? undefined : values.join(", ");
}

/** True if the field is there, even with an empty value (P). */
export function hasField(fields: FieldLines, name: string): boolean {
  for (const [lineName] of fields) if (lineName === name) return true;
  return false;
}

/** The lines without those of the given names (P). */
export function withoutFields(fields: FieldLines, names: ReadonlySet<string>): FieldLine[] {
  return fields.filter(([name]) => !names.has(name));
}

/**
 * The value of a field that may stand only once, or undefined when it is absent or repeated (P):
 * of two ETags or two Expires nobody can say which one counts.
 */
export function singleField(fields: FieldLines, name: string): string | undefined {
  const values = fieldValues(fields, name);
  return values.length === 1 ? values[0] : undefined;
}

/**
 * Splits a comma-separated list (P). RFC 9110 section 5.6.1.
 *
 * Commas inside quoted strings do not count (a backslash escapes the next character there), an
 * unfinished quoted string reaches to the end, and empty members are dropped.
 */
export function listMembers(value: string): string[] {
  if (!value.includes('"')) return value.split(",").map(trimWhiteSpace).filter(isNotEmpty);
  const members: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < value.length; i += 1) {
    const character = value[i];
    if (character === '"') quoted = !quoted;
    else if (character === "\\" && quoted) i += 1;
    else if (character === "," && !quoted) {
      members.push(value.slice(start, i));
      start = i + 1;
    }
  }
  members.push(value.slice(start));
  return members.map(trimWhiteSpace).filter(isNotEmpty);
}

/** The members of a list field over all its lines (P). RFC 9110 section 5.6.1. */
export function fieldMembers(fields: FieldLines, name: string): string[] {
  return fieldValues(fields, name).flatMap(listMembers);
}

/** Removes spaces and tabs, and nothing else, from both ends (P). RFC 9110 section 5.6.3. */
export function trimWhiteSpace(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isWhiteSpace(value.charCodeAt(start))) start += 1;
  while (end > start && isWhiteSpace(value.charCodeAt(end - 1))) end -= 1;
  return start === 0 && end === value.length ? value : value.slice(start, end);
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isNotEmpty(value: string): boolean {
  return value !== "";
}

function text(part: string | Buffer = ""): string {
  return typeof part === "string" ? part : part.toString("latin1");
}
