import type { Glob } from "./glob.ts";

/** Something that a template puts in, or text as it stands. */
type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "host" }
  | { readonly kind: "path" }
  /** What the star at this place in the pattern stands for, from 0. */
  | { readonly kind: "capture"; readonly index: number };

/** Text with places for parts of a request. */
export type Template = readonly Piece[];

/** What a template puts in. */
export interface TemplateValues {
  readonly host: string;
  /** As the client sent it. */
  readonly path: string;
  readonly captures: readonly string[];
}

const PLACE = /\{([^{}]*)\}/g;

/** Splits text at its places: `{host}`, `{path}`, `{1}` to `{9}` (P). Others are text. */
export function compileTemplate(text: string): Template {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(PLACE)) {
    const piece = pieceOf(match[1] ?? "");
    if (piece === undefined) continue;
    pieces.push({ kind: "text", text: text.slice(at, match.index) }, piece);
    at = match.index + match[0].length;
  }
  pieces.push({ kind: "text", text: text.slice(at) });
  return pieces;
}

function pieceOf(name: string): Piece | undefined {
  if (name === "host" || name === "path") return { kind: name };
  return /^[1-9]$/.test(name) ? { kind: "capture", index: Number(name) - 1 } : undefined;
}

/** Puts the parts of a request into a template, each percent-encoded where it must be (P). */
export function fillTemplate(template: Template, { host, path, captures }: TemplateValues): string {
  return template
    .map((piece) => {
      switch (piece.kind) {
        case "text":
          return piece.text;
        case "host":
          return host;
        case "path":
          return encodedPath(path);
        case "capture":
          return encodedPath(captures[piece.index] ?? "");
      }
    })
    .join("");
}

/**
 * A part of a path as it may stand in one (P): escapes stay, and so does what RFC 3986 section 3.3
 * allows; all else is percent-encoded, line breaks, quotes and backslashes among them.
 */
function encodedPath(text: string): string {
  return text.replaceAll(/%(?![0-9a-f]{2})|[^%/A-Za-z0-9\-._~!$&'()*+,;=:@]/gi, (character) =>
    encodeURIComponent(character.toWellFormed()),
  );
}

/** What is wrong with the places of a template, or undefined (P). `stars` are those of `match`. */
export function placesProblem(text: string, stars: number): string | undefined {
  for (const [place, name = ""] of text.matchAll(PLACE)) {
    const piece = pieceOf(name);
    if (piece === undefined) return `${place} stands for nothing: use {host}, {path}, {1} to {9}`;
    if (piece.kind === "capture" && piece.index >= stars) {
      return `${place}: the path of \`match\` has ${stars === 0 ? "no" : `only ${stars}`} \`*\``;
    }
  }
  return undefined;
}

/** How many stars a pattern has (P). */
export function starsOf(glob: Glob | undefined): number {
  return glob?.last === undefined ? 0 : glob.middle.length + 1;
}
