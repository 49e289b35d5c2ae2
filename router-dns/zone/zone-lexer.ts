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
  readonly problems: TextProblem[];
  tokens: Token[];
  startsBlank: boolean;
  /** The parenthesis that is open, if one is. */
  open: { readonly line: number; readonly column: number } | undefined;
}

/** One piece of a line: space, comment, parenthesis, quoted string, or word. */
const PIECE = /[ \t]+|;.*|[()]|"(?:[^"\\]|\\.)*"?|(?:[^ \t;()"\\]|\\.)+|\\$/gsu;

/**
 * Splits the text of a zone file into entries, one after the other, so that a large file is never
 * there twice (P). What is wrong is added to `problems`. RFC 1035 section 5.1.
 */
export function* lexZone(text: string, problems: TextProblem[]): Generator<Entry, void> {
  const state: LexerState = { problems, tokens: [], startsBlank: false, open: undefined };
  for (let line = 1, start = 0; start <= text.length; line += 1) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline;
    const isReturn = end > start && text[end - 1] === "\r";
    lexLine(state, text.slice(start, isReturn ? end - 1 : end), line);
    if (state.open === undefined) yield* takeEntry(state);
    start = end + 1;
  }
  if (state.open !== undefined) {
    problems.push({ ...state.open, message: "this parenthesis is never closed" });
    yield* takeEntry(state);
  }
}

function lexLine(state: LexerState, text: string, line: number): void {
  if (state.open === undefined) state.startsBlank = isSpace(text[0]);
  PIECE.lastIndex = 0;
  for (let match = PIECE.exec(text); match !== null; match = PIECE.exec(text)) {
    const [piece] = match;
    if (!isSpace(piece[0]) && piece[0] !== ";") lexPiece(state, piece, line, match.index + 1);
  }
}

function lexPiece(state: LexerState, piece: string, line: number, column: number): void {
  const problem = (message: string) => state.problems.push({ line, column, message });
  if (piece === "(") {
    if (state.open !== undefined) problem("parentheses cannot be nested");
    state.open ??= { line, column };
  } else if (piece === ")") {
    if (state.open === undefined) problem("this parenthesis was never opened");
    state.open = undefined;
  } else if (piece.startsWith('"')) {
    if (!/^"(?:[^"\\]|\\.)*"$/su.test(piece))
      problem("this quoted string is not closed on its line");
    const text = piece.replace(/^"|"$/g, "");
    state.tokens.push({ text, line, column, isQuoted: true });
  } else if (piece === "\\") {
    problem("a backslash needs a character behind it");
  } else {
    state.tokens.push({ text: piece, line, column, isQuoted: false });
  }
}

function isSpace(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

function* takeEntry(state: LexerState): Generator<Entry, void> {
  const [first, ...rest] = state.tokens;
  if (first !== undefined) yield { tokens: [first, ...rest], startsBlank: state.startsBlank };
  state.tokens = [];
}
