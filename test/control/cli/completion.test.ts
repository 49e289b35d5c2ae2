import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it, type TestContext } from "node:test";
import { completionScript, SHELLS } from "../../../control/cli/completion-script.ts";
import { buildProgram } from "../../../control/cli/program.ts";
import { runProcess } from "../../support/process.ts";
import { tempDir } from "../../support/temp-dir.ts";

/** What is typed, the last word as far as it goes, and what can follow. */
const TYPED: readonly (readonly [readonly string[], readonly string[]])[] = [
  [["si"], ["sign", "site"]],
  [["site", "ro"], ["rollback"]],
  [["site", "add", "shop", "--ho"], ["--host"]],
  [
    ["token", "create", "ci", "--scope", ""],
    ["admin", "purge", "read", "site"],
  ],
  [
    ["completion", ""],
    ["bash", "fish", "zsh"],
  ],
];

const scripts = new Map<string, string>();
before(() => {
  for (const shell of SHELLS) scripts.set(shell, completionScript(buildProgram(), shell));
});

async function scriptFile(t: TestContext, shell: string): Promise<string> {
  const file = join(tempDir(t), "completion");
  await writeFile(file, scripts.get(shell) ?? "");
  return file;
}

/** What of the offered words is a word of ours, in order; help is offered everywhere. */
function offered(output: string): string[] {
  return output
    .split("\n")
    .map((line) => line.split("\t")[0] ?? "")
    .filter((word) => word !== "" && word !== "--help" && word !== "-h")
    .toSorted();
}

describe("completions", () => {
  it("of bash offer commands, options and choices", async (t) => {
    const file = await scriptFile(t, "bash");
    for (const [words, expected] of TYPED) {
      const line = 'source "$1"; shift; COMP_WORDS=(meridian "$@"); COMP_CWORD=$#; _meridian';
      const { stdout, stderr } = await runProcess({
        command: "bash",
        args: ["-c", `${line}; printf '%s\\n' "\${COMPREPLY[@]}"`, "bash", file, ...words],
      });
      const own = offered(stdout).filter((word) => expected.length === 1 || !word.startsWith("-"));
      assert.deepEqual(own, expected, `${words.join(" ")}: ${stderr}`);
    }
  });

  it("of fish offer the same", async (t) => {
    const file = await scriptFile(t, "fish");
    for (const [words, expected] of TYPED) {
      const { stdout, stderr } = await runProcess({
        command: "fish",
        args: ["-c", `source ${file}; complete -C 'meridian ${words.join(" ")}'`],
        env: { HOME: tempDir(t), XDG_CONFIG_HOME: undefined },
      });
      const own = offered(stdout).filter((word) => expected.length === 1 || !word.startsWith("-"));
      assert.deepEqual(own, expected, `${words.join(" ")}: ${stderr}`);
    }
  });

  it("of zsh are read by it, and know every place", async (t) => {
    const file = await scriptFile(t, "zsh");
    // Completion itself needs a terminal; what it would offer does not.
    const { stdout, stderr } = await runProcess({
      command: "zsh",
      args: ["-fc", `compdef() { : }; source ${file}; _meridian_choices 'token create --scope'`],
    });
    assert.deepEqual(stdout.trim().split("\n"), ["read:", "purge:", "site:", "admin:"], stderr);
  });
});
