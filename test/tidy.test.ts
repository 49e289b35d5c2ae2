import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { METRICS } from "../common/metric-table.ts";
import { REPOSITORY } from "./support/process.ts";
import { commandProblems, headingAnchors, linkProblems, pathProblems } from "./tidy/docs.ts";
import {
  ambientProblems,
  arrowProblems,
  importCycles,
  isPure,
  purityProblems,
  unreachedFiles,
} from "./tidy/imports.ts";
import {
  codeFiles,
  deployedFiles,
  formatProblems,
  PRODUCT_FOLDERS,
  type Problem,
  pages,
  type SourceFile,
} from "./tidy/source-file.ts";
import { metricNameProblems, skipProblems, textProblems } from "./tidy/text.ts";

const code = codeFiles();
const product = code.filter(({ path }) =>
  PRODUCT_FOLDERS.some((folder) => path.startsWith(`${folder}/`)),
);

function assertTidy(files: readonly SourceFile[], rule: (file: SourceFile) => Problem[]): void {
  assert.ok(files.length > 0, "the rule looks at no file at all");
  const problems = files.flatMap(rule);
  if (problems.length > 0) assert.fail(`\n${formatProblems(problems)}`);
}

/** A file that does not exist, to show that a rule can fail. */
function planted(path: string, text: string): SourceFile {
  return { path, text };
}

function messages(problems: readonly Problem[]): string {
  return problems.map(({ message }) => message).join("\n");
}

/** The fixture's text is put together, so that rules do not find it in this file. */
const join2 = (...parts: string[]) => parts.join("");

describe("imports", () => {
  it("follow the arrows between and inside the parts", () => {
    assertTidy(code, arrowProblems);
  });

  it("against the arrows are found", () => {
    const cases: readonly (readonly [path: string, from: string, message: RegExp])[] = [
      ["common/x.ts", "../state/store.ts", /common may not import state/],
      ["edge/x.ts", "../router-dns/steering.ts", /edge may not import router-dns/],
      ["edge/x.ts", "../control/server.ts", /edge may not import control/],
      ["control/server.ts", "../edge/server.ts", /control may not import edge/],
      ["control/cli/edge.ts", "../../edge/pipeline.ts", /control may not import edge/],
      ["edge/decide/x.ts", "../store/store.ts", /lower layer imports a higher/],
      ["router-dns/wire/x.ts", "../zone/zone.ts", /lower layer imports a higher/],
      ["state/x.ts", "../test/support/dig.ts", /state may not import test/],
      ["edge/decide/x.ts", "undici", /undici is only imported by/],
    ];
    for (const [path, from, message] of cases) {
      const problems = arrowProblems(planted(path, `import { x } from "${from}";\n`));
      assert.match(messages(problems), message, `${path} -> ${from}`);
    }
    const legal = planted("control/cli/edge.ts", 'import { s } from "../../edge/server.ts";\n');
    assert.deepEqual(arrowProblems(legal), []);
  });

  it("make no circle", () => {
    assert.deepEqual(importCycles(code), []);
  });

  it("in a circle are found, but not type-only ones", () => {
    const a = planted("edge/a.ts", 'import { b } from "./b.ts";\n');
    const b = planted("edge/b.ts", 'import { c } from "./c/c.ts";\n');
    const c = planted("edge/c/c.ts", 'import { a } from "../a.ts";\n');
    assert.deepEqual(importCycles([a, b, c]), [
      "edge/a.ts -> edge/b.ts -> edge/c/c.ts -> edge/a.ts",
    ]);
    const typeOnly = planted("edge/c/c.ts", 'import type { A } from "../a.ts";\n');
    assert.deepEqual(importCycles([a, b, typeOnly]), []);
  });

  it("reach every file of the product from the command line", () => {
    const scripts = product.filter(({ path }) => path.endsWith(".ts"));
    const unreached = unreachedFiles(scripts, ["control/main.ts"]);
    if (unreached.length > 0) assert.fail(`\n${unreached.join("\n")}`);
  });

  it("show a file that nothing reaches", () => {
    const main = planted("control/main.ts", 'import { b } from "./b.ts";\n');
    const b = planted("control/b.ts", "");
    const dead = planted("edge/dead.ts", "");
    assert.deepEqual(unreachedFiles([main, b, dead], ["control/main.ts"]), ["edge/dead.ts"]);
  });
});

describe("pure files", () => {
  it("do no I/O and read neither clock nor randomness", () => {
    const pure = code.filter(({ path }) => isPure(path));
    assert.ok(pure.length >= 20, `only ${pure.length} files are pure`);
    assertTidy(pure, purityProblems);
  });

  it("that do are found", () => {
    const faults: readonly (readonly [text: string, message: RegExp])[] = [
      ['import { readFileSync } from "node:fs";', /imports node:fs/],
      ["const now = Date.now();", /uses Date\.now/],
      ["return Math.random() < 0.5;", /uses Math\.random/],
      ["const t = performance.now();", /uses performance\./],
      ["setTimeout(retry, 10);", /uses setTimeout/],
      ["const level = process.env.LEVEL;", /uses process\./],
    ];
    for (const [text, message] of faults) {
      assert.match(messages(purityProblems(planted("edge/decide/x.ts", text))), message, text);
      assert.deepEqual(purityProblems(planted("edge/server.ts", text)), [], text);
    }
    const comment = planted("edge/decide/x.ts", "// never Date.now()\n * nor Math.random()\n");
    assert.deepEqual(purityProblems(comment), []);
  });

  it("leave time and randomness to two files of the whole product", () => {
    assertTidy(product, ambientProblems);
  });

  it("are not alone: ambient time anywhere in the product is found", () => {
    const fault = planted("control/api/x.ts", "const at = Date.now();");
    assert.match(messages(ambientProblems(fault)), /Date\.now: time comes from a Clock/);
    assert.deepEqual(ambientProblems(planted("common/clock.ts", "Date.now()")), []);
  });
});

describe("files", () => {
  it("have a sensible size, name and choice of words", () => {
    assertTidy(code, textProblems);
  });

  it("that do not are found", () => {
    const faults: readonly (readonly [path: string, text: string, message: RegExp])[] = [
      ["edge/x.ts", "\n".repeat(601), /more than 600 lines/],
      ["edge/utils.ts", "", /main noun or verb/],
      ["edge/index.ts", "", /main noun or verb/],
      ["edge/hitHead.ts", "", /kebab-case/],
      ["edge/x.ts", `  /** ${"word ".repeat(20)}*/`, /columns: at most 100/],
      ["edge/x.ts", join2("// TO", "DO later"), /name the issue/],
      ["edge/x.ts", join2("// @ts-", "ignore"), /compiler is right/],
      ["edge/x.ts", join2("export", ' * from "./y.ts";'), /no barrels/],
      ["edge/x.ts", join2("export", " default 1;"), /no default exports/],
      ["edge/x.ts", join2("// biome-", "ignore lint"), /say why/],
      ["edge/x.ts", join2("// const", " old = 1;"), /delete code/],
    ];
    for (const [path, text, message] of faults) {
      assert.match(messages(textProblems(planted(path, text))), message, text.slice(0, 80));
    }
  });
});

describe("tests", () => {
  it("all run, or say why they do not", () => {
    assertTidy(code, skipProblems);
  });

  it("that are switched off are found", () => {
    const faults = [
      join2("it", '.only("x", () => {});'),
      join2("describe", '.skip("x", () => {});'),
      join2("it", '.todo("x");'),
      join2('it("x", { skip', ": true }, () => {});"),
      join2("t", ".skip();"),
    ];
    for (const fault of faults) {
      assert.equal(skipProblems(planted("test/x.test.ts", fault)).length, 1, fault);
    }
    assert.deepEqual(skipProblems(planted("test/x.test.ts", 't.skip("needs port 53");')), []);
  });
});

describe("metrics", () => {
  const speaking = [...code, ...pages(), ...deployedFiles()];

  it("that are spoken of anywhere exist", () => {
    assertTidy(speaking, metricNameProblems);
  });

  it("that do not exist are found", () => {
    const fault = planted("docs/x.md", join2("rate(meridian_", "edge_requests_count_total[5m])"));
    assert.match(messages(metricNameProblems(fault)), /there is no metric/);
    const bucket = planted("docs/x.md", "meridian_edge_first_byte_seconds_bucket");
    assert.deepEqual(metricNameProblems(bucket), []);
  });

  it("are all measured somewhere", () => {
    const text = product
      .filter(({ path }) => path !== "common/metric-table.ts")
      .map((file) => file.text)
      .join("\n");
    const unmeasured = Object.keys(METRICS).filter((name) => !text.includes(`"${name}"`));
    assert.deepEqual(unmeasured, []);
  });
});

describe("pages", () => {
  const manifest = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const scripts = new Set(Object.keys(manifest.scripts));

  it("link to what exists", () => {
    assertTidy(pages(), (page) => linkProblems(page, REPOSITORY));
  });

  it("name files and folders that exist", () => {
    assertTidy(pages(), (page) => pathProblems(page, REPOSITORY));
  });

  it("name npm scripts that exist", () => {
    assertTidy(pages(), (page) => commandProblems(page, scripts));
  });

  it("with broken links, paths and commands are found", () => {
    const page = (text: string) => planted("docs/x.md", text);
    const link = (text: string) => messages(linkProblems(page(text), REPOSITORY));
    assert.match(link("[a](no-such.md)"), /there is no docs\/no-such\.md/);
    assert.match(link("# One\n[a](#two)"), /has no such heading/);
    assert.equal(link("# One two\n[a](#one-two) [b](https://example.com/x) [c](../LICENSE)"), "");
    assert.equal(link("```\n[a](no-such.md)\n```"), "");
    const path = (text: string) => messages(pathProblems(page(text), REPOSITORY));
    assert.match(path("see `edge/no-such.ts`"), /there is no edge\/no-such\.ts/);
    assert.equal(path("see `common/clock.ts` and `common/`"), "");
    const command = (text: string) => messages(commandProblems(page(text), scripts));
    assert.match(command("run `npm run no-such`"), /no such script/);
    assert.equal(command("`npm run demo`, `npm test`, `npm run -s check`, npm run the"), "");
  });

  it("have the anchors that GitHub makes of headings", () => {
    const anchors = headingAnchors("# What works, today?\n## `npm test` and so on\n");
    assert.deepEqual([...anchors], ["what-works-today", "npm-test-and-so-on"]);
  });
});
