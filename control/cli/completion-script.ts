import type { Command } from "commander";

/** The shells that we write completions for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** Something that can be typed at one place. */
interface Choice {
  readonly word: string;
  readonly description: string;
}

/** What can be typed behind some words, such as `site add`. */
interface Place {
  /** The words, set apart by blanks; empty behind the program's own name. */
  readonly path: string;
  readonly choices: readonly Choice[];
}

/** The script of a shell (P). It knows all commands, their options and fixed choices of options. */
export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program, []);
  if (shell === "bash") return bash(places);
  return shell === "zsh" ? zsh(places) : fish(places);
}

function placesOf(command: Command, path: readonly string[]): Place[] {
  const help = { word: "--help", description: "display help for command" };
  const subcommands = command.commands.map((child) => ({
    word: child.name(),
    description: child.description(),
  }));
  const options = command.options.flatMap((option) => {
    const { long, description } = option;
    return long === undefined || option.hidden ? [] : [{ word: long, description }];
  });
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) =>
    argChoices.map((word) => ({ word, description: "" })),
  );
  const own: Place = {
    path: path.join(" "),
    choices: [...subcommands, ...choices, ...options, help],
  };
  const chosen = command.options.flatMap(({ long, argChoices = [] }) =>
    long === undefined || argChoices.length === 0
      ? []
      : [
          {
            path: [...path, long].join(" "),
            choices: argChoices.map((word) => ({ word, description: "" })),
          },
        ],
  );
  const children = command.commands.flatMap((child) => placesOf(child, [...path, child.name()]));
  return [own, ...chosen, ...children];
}

/** All places as `case` branches that print one choice a line, as bash and zsh read them. */
function cases(places: readonly Place[], line: (choice: Choice) => string): string {
  return places
    .map(
      ({ path, choices }) =>
        `    ${quoted(path)}) printf '%s\\n' ${choices.map(line).join(" ")} ;;`,
    )
    .join("\n");
}

/** Words that are commands lead to a place, options and what they take do not. */
function walk(first: number): string {
  return `  local place="" word candidate
  for word in "\${words[@]:${first}:$((current - ${first}))}"; do
    candidate="\${place:+$place }$word"
    if [ -n "$(_meridian_choices "$candidate")" ] && [ "\${word#-}" = "$word" ]; then place="$candidate"; fi
  done
  local option="\${place:+$place }\${words[current - 1]}"`;
}

function bash(places: readonly Place[]): string {
  return `# Completion of meridian for bash. Made by: meridian completion bash
_meridian_choices() {
  case "$1" in
${cases(places, ({ word }) => quoted(word))}
  esac
}
_meridian() {
  local words=("\${COMP_WORDS[@]}") current=$COMP_CWORD
${walk(1)}
  local choices
  case "\${words[current - 1]}" in
    -*) choices="$(_meridian_choices "$option")" ;;
  esac
  [ -n "$choices" ] || choices="$(_meridian_choices "$place")"
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "\${words[current]}")
}
complete -o default -F _meridian meridian
`;
}

function zsh(places: readonly Place[]): string {
  return `#compdef meridian
# Completion of meridian for zsh. Made by: meridian completion zsh
_meridian_choices() {
  case "$1" in
${cases(places, ({ word, description }) => quoted(`${escapeColon(word)}:${description}`))}
  esac
}
_meridian() {
  local place="" word candidate
  for word in "\${words[@]:1:$((CURRENT - 2))}"; do
    candidate="\${place:+$place }$word"
    if [[ -n "$(_meridian_choices "$candidate")" && "$word" != -* ]]; then place="$candidate"; fi
  done
  local -a choices
  local previous="\${words[CURRENT - 1]}"
  if [[ "$previous" == -* ]]; then
    choices=("\${(@f)$(_meridian_choices "\${place:+$place }$previous")}")
    if [[ -z "\${choices[1]}" ]]; then _files; return; fi
  else
    choices=("\${(@f)$(_meridian_choices "$place")}")
  fi
  _describe meridian choices || _files
}
if [ "$funcstack[1]" = "_meridian" ]; then _meridian "$@"; else compdef _meridian meridian; fi
`;
}

function fish(places: readonly Place[]): string {
  const commands = places.filter(({ path }) => path !== "" && !/(^| )-/.test(path));
  const lines = places.flatMap(({ path, choices }) => {
    const [, place = "", option] = /^(.*?) ?(?:--(\S+))?$/.exec(path) ?? [];
    const at = quoted(`test (__meridian_place) = "${place}"`);
    return choices.map(({ word, description }) => {
      const about = description === "" ? "" : ` -d ${quoted(description)}`;
      const what =
        option !== undefined
          ? `-l ${option} -x -a ${quoted(word)}`
          : word.startsWith("--")
            ? `-l ${word.slice(2)}`
            : `-f -a ${quoted(word)}`;
      return `complete -c meridian -n ${at} ${what}${about}`;
    });
  });
  return `# Completion of meridian for fish. Made by: meridian completion fish
function __meridian_place
  set -l place ""
  for word in (commandline -opc)[2..-1]
    set -l candidate (string trim "$place $word")
    contains -- $candidate ${commands.map(({ path }) => quoted(path)).join(" ")}; and set place $candidate
  end
  echo "$place"
end
${lines.join("\n")}
`;
}

function escapeColon(text: string): string {
  return text.replaceAll(":", "\\:");
}

/** A word as all of these shells take it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
