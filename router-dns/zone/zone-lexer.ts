/**
 * A word or quoted string of a zone file, escapes not yet resolved. Lines and columns count from 1.
 */
export interface Token {
  readonly text: string;
  readonly line: number;
  readonly column: number;
  readonly isQuoted: boolean;
}

/** The words of one record or directive, parentheses and comments taken away. At least one word. */
export interface Entry {
  readonly tokens: readonly [Token, ...Token[]];
  /** True if the line starts with space: the owner of the record before goes on. */
  readonly startsBlank: boolean;
}

/** Something wrong at a place in the text. */
export interface TextProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

interface LexerState {
  readonly entries: Entry[];
  readonly problems: TextProblem[];
  tokens: Token[];
  startsBlank: boolean;
  /** The parenthesis that is open, if one is. */
  open: { readonly line: number; readonly column: number } | undefined;
}

/** One piece of a line: space, comment, parenthesis, quoted string, or word. */
const PIECE = /[ \t]+|;.*|[()]|"(?:[^"\\]|\\.)*"?|(?:[^ \t;()"\\]|\\.)+|\\$/gsu;

/** Splits the text of a zone file into entries (P). RFC 1035 section 5.1. */
export function lexZone(text: string): {
  readonly entries: readonly Entry[];
  readonly problems: readonly TextProblem[];
} {
  const state: LexerState = {
    entries: [],
    problems: [],
    tokens: [],
    startsBlank: false,
    open: undefined,
  };
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) lexLine(state, line.replace(/\r$/, ""), index + 1);
  if (state.open !== undefined) {
    state.problems.push({ ...state.open, message: "this parenthesis is never closed" });
    endEntry(state);
  }
  return state;
}

function lexLine(state: LexerState, text: string, line: number): void {
  if (state.open === undefined) state.startsBlank = /^[ \t]/.test(text);
  for (const match of text.matchAll(PIECE)) {
    lexPiece(state, match[0], { line, column: match.index + 1 });
  }
  if (state.open === undefined) endEntry(state);
}

function lexPiece(
  state: LexerState,
  piece: string,
  place: { readonly line: number; readonly column: number },
): void {
  const problem = (message: string) => state.problems.push({ ...place, message });
  if (/^[ \t;]/.test(piece)) return;
  if (piece === "(") {
    if (state.open !== undefined) problem("parentheses cannot be nested");
    state.open ??= place;
  } else if (piece === ")") {
    if (state.open === undefined) problem("this parenthesis was never opened");
    state.open = undefined;
  } else if (piece.startsWith('"')) {
    if (!/^"(?:[^"\\]|\\.)*"$/su.test(piece))
      problem("this quoted string is not closed on its line");
    state.tokens.push({ ...place, text: piece.replace(/^"|"$/g, ""), isQuoted: true });
  } else if (piece === "\\") {
    problem("a backslash needs a character behind it");
  } else {
    state.tokens.push({ ...place, text: piece, isQuoted: false });
  }
}

function endEntry(state: LexerState): void {
  const [first, ...rest] = state.tokens;
  if (first !== undefined) {
    state.entries.push({ tokens: [first, ...rest], startsBlank: state.startsBlank });
  }
  state.tokens = [];
}
