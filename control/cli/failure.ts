/** Exit codes of every command: 1 it did not work, 2 it was asked for in the wrong way. */
export type FailureCode = 1 | 2;

/**
 * Ends a command with words for its user instead of a stack trace: what is wrong, and what to do
 * about it.
 */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: FailureCode;
  readonly remedy: string | undefined;

  constructor(message: string, options: { remedy?: string; exitCode?: FailureCode } = {}) {
    super(message);
    this.exitCode = options.exitCode ?? 1;
    this.remedy = options.remedy;
  }
}

/** A failure of the caller's: the command line or a configuration file is wrong. */
export function usageFailure(message: string, remedy?: string): CommandFailure {
  return new CommandFailure(message, {
    exitCode: 2,
    ...(remedy === undefined ? {} : { remedy }),
  });
}
