import { Argument, Command } from "commander";
import { completionScript, SHELLS, type Shell } from "./completion-script.ts";

const EXAMPLES = `
Examples:
  meridian completion bash > /etc/bash_completion.d/meridian
  source <(meridian completion bash)
  meridian completion zsh > ~/.zfunc/_meridian             # with fpath+=~/.zfunc before compinit
  meridian completion fish > ~/.config/fish/completions/meridian.fish`;

/** `meridian completion`: what a shell needs to complete our commands and options. */
export function completionCommand(program: Command): Command {
  return new Command("completion")
    .description("print what makes a shell complete commands and options")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText("after", EXAMPLES)
    .action((shell: Shell) => {
      process.stdout.write(completionScript(program, shell));
    });
}
