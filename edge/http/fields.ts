/**
 * Field lines of a message in the order in which they came, names in lower case, values as they
 * stood on the wire without surrounding white space (RFC 9110 section 5). Repeated names stay apart:
 * Node's and undici's own maps merge or drop them, which loses what RFC 9111 needs to see.
 */
export type FieldLines = readonly FieldLine[];

/** One field line. */
export type FieldLine = readonly [name: string, value: string];

/** Makes field lines of the flat `[name, value, name, value]` list that Node and undici give (P). */
export function fieldLinesFromRaw(raw: readonly (string | Buffer)[]): FieldLine[] {
  const lines: FieldLine[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    lines.push([text(raw[i]).toLowerCase(), text(raw[i + 1]).trim()]);
  }
  return lines;
}

/** The value of each line of a field, in order (P). `name` is in lower case. */
export function fieldValues(fields: FieldLines, name: string): string[] {
  const values: string[] = [];
  for (const [lineName, value] of fields) if (lineName === name) values.push(value);
  return values;
}

/** All lines of a field joined with commas (RFC 9110 section 5.3), or undefined if there is none (P). */
export function combinedField(fields: FieldLines, name: string): string | undefined {
  const values = fieldValues(fields, name);
  return values.length === 0 ? undefined : values.join(", ");
}

/** True if the field is there, even with an empty value (P). */
export function hasField(fields: FieldLines, name: string): boolean {
  return fields.some(([lineName]) => lineName === name);
}

/** The lines without those of the given names (P). */
export function withoutFields(fields: FieldLines, names: ReadonlySet<string>): FieldLine[] {
  return fields.filter(([name]) => !names.has(name));
}

function text(part: string | Buffer | undefined): string {
  return typeof part === "string" ? part : (part?.toString("latin1") ?? "");
}
