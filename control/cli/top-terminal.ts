import type { ReadStream, WriteStream } from "node:tty";
import type { LineStyle, ScreenLine, ScreenSize } from "./top-screen.ts";

const ESCAPE = "\u001b[";
/** The other screen, without a cursor: what was on the terminal comes back afterwards. */
const ENTER = `${ESCAPE}?1049h${ESCAPE}?25l`;
const LEAVE = `${ESCAPE}?25h${ESCAPE}?1049l`;
const REST_OF_LINE = `${ESCAPE}K`;
const REST_OF_SCREEN = `${ESCAPE}J`;

/** SGR codes (ECMA-48 section 8.3.117) that are readable on dark and on light terminals. */
const STYLES: Readonly<Record<LineStyle, string>> = {
  plain: "",
  strong: "1",
  soft: "2",
  warning: "33",
  bad: "1;31",
};

/** Keys that end it: q, and Ctrl-C and Ctrl-D, which are plain bytes in raw mode. */
const QUIT_KEYS = ["q", "Q", "\u0003", "\u0004"] as const;

/** What a terminal is made of. */
export interface TerminalStreams {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

/** Takes over a terminal until `close`, and tells of keys that end it and of a new size. */
export class TopTerminal {
  readonly #streams: TerminalStreams;
  readonly #withColour: boolean;
  readonly #onKey: (bytes: Buffer) => void;
  readonly #onResize: () => void;
  readonly #restore = () => this.close();
  #isOpen = true;

  constructor(
    streams: TerminalStreams,
    on: { readonly quit: () => void; readonly resize: () => void; readonly withColour: boolean },
  ) {
    this.#streams = streams;
    this.#withColour = on.withColour;
    this.#onKey = (bytes) => {
      if (QUIT_KEYS.some((key) => bytes.includes(key))) on.quit();
    };
    this.#onResize = on.resize;
    const { input, output } = streams;
    output.write(ENTER);
    output.on("resize", this.#onResize);
    input.setRawMode(true);
    input.on("data", this.#onKey);
    // Whatever ends this process, the terminal is usable afterwards.
    process.on("exit", this.#restore);
  }

  size(): ScreenSize {
    const { columns, rows } = this.#streams.output;
    return { columns, rows };
  }

  /** Shows these lines, and nothing else. */
  draw(lines: readonly ScreenLine[]): void {
    const painted = lines.map(({ text, style }) => `${this.#paint(text, style)}${REST_OF_LINE}`);
    this.#streams.output.write(`${ESCAPE}H${painted.join("\r\n")}${REST_OF_SCREEN}`);
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.removeListener("exit", this.#restore);
    const { input, output } = this.#streams;
    output.removeListener("resize", this.#onResize);
    input.removeListener("data", this.#onKey);
    input.setRawMode(false);
    input.pause();
    output.write(LEAVE);
  }

  #paint(text: string, style: LineStyle): string {
    const code = STYLES[style];
    if (!this.#withColour || code === "") return text;
    return `${ESCAPE}${code}m${text}${ESCAPE}0m`;
  }
}
