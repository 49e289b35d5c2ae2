/** A pattern that has been split at its stars; without any, there is no `last`. */
export interface Glob {
  readonly first: string;
  readonly middle: readonly string[];
  readonly last: string | undefined;
}

/** Splits a pattern (P): `*` stands for any run of characters, also an empty one. */
export function compileGlob(pattern: string): Glob {
  const [first = "", ...middle] = pattern.split("*");
  const last = middle.pop();
  return { first, middle, last };
}

/**
 * True if the whole text fits (P). All but `*` is literal; time is in proportion to pattern times
 * text at worst, with no backtracking over more than one star.
 */
export function globFits(glob: Glob, text: string): boolean {
  const { first, middle, last } = glob;
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  // The earliest place of each piece leaves most room to those behind it.
  for (const piece of middle) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}

/**
 * What each `*` stands for in a text, in order, each as short as it can be; undefined if the text
 * does not fit (P). Example: `/a/*.*` over `/a/b.c.d` gives `b` and `c.d`.
 */
export function globCaptures(glob: Glob, text: string): readonly string[] | undefined {
  const { first, middle, last } = glob;
  if (!globFits(glob, text)) return undefined;
  if (last === undefined) return [];
  const captures: string[] = [];
  let at = first.length;
  for (const piece of middle) {
    const found = text.indexOf(piece, at);
    captures.push(text.slice(at, found));
    at = found + piece.length;
  }
  captures.push(text.slice(at, text.length - last.length));
  return captures;
}
