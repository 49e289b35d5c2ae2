import { existsSync, readFileSync, statSync } from "node:fs";
import { posix } from "node:path";
import { type Problem, problemsAt, type SourceFile } from "./source-file.ts";

/** Links of Markdown pages to files and headings that do not exist. */
export function linkProblems(file: SourceFile, root: string): Problem[] {
  return problemsAt(withoutFences(file), /\]\(([^)\s]+)\)/, ([, link = ""]) => {
    if (/^[a-z]+:/.test(link)) return undefined;
    const [path = "", anchor] = link.split("#", 2);
    const target = path === "" ? file.path : posix.join(posix.dirname(file.path), path);
    const absolute = posix.join(root, target);
    if (path !== "" && !existsSync(absolute)) return `${link}: there is no ${target}`;
    if (anchor === undefined || !target.endsWith(".md")) return undefined;
    const text = path === "" ? file.text : readFileSync(absolute, "utf8");
    return headingAnchors(text).has(anchor) ? undefined : `${link}: ${target} has no such heading`;
  });
}

/** `npm` scripts that pages tell people to run and `package.json` does not have (P). */
export function commandProblems(file: SourceFile, scripts: ReadonlySet<string>): Problem[] {
  return problemsAt(
    file,
    /(?<=[`$&] ?|^)npm (?:run (?:-s |--silent )?([\w:-]+)|(test|start))\b/,
    (match) => {
      const script = match[1] ?? match[2] ?? "";
      return scripts.has(script) ? undefined : `\`${match[0]}\`: package.json has no such script`;
    },
  );
}

/** Files and folders that pages name in code quotes and that do not exist. */
export function pathProblems(file: SourceFile, root: string): Problem[] {
  const pattern =
    /`((?:bin|common|state|edge|router-dns|origin|control|deploy|test|bench|docs)\/[\w./-]*)`/;
  return problemsAt(withoutFences(file), pattern, ([, path = ""]) => {
    const absolute = posix.join(root, path);
    if (!existsSync(absolute)) return `there is no ${path}`;
    const isFolder = statSync(absolute).isDirectory();
    return isFolder || !path.endsWith("/") ? undefined : `${path} is a file`;
  });
}

/** The anchors that GitHub makes of headings (P). */
export function headingAnchors(text: string): ReadonlySet<string> {
  const headings = text.matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    ),
  );
}

/** The page with its code blocks emptied, so that line numbers stay. */
function withoutFences(file: SourceFile): SourceFile {
  const text = file.text.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ""));
  return { path: file.path, text };
}
