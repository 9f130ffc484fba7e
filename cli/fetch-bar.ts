/** How many of how many files are here: one line on stderr, if that is a terminal, which is removed at the end. */
const CELLS = 24;
const REMOVE_LINE = '\r\u001b[2K';

export class FetchBar {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  show(done: number, of: number): void {
    if (this.#stream.isTTY !== true) return;
    const full = Math.floor((CELLS * done) / of);
    const bar = `column files ${'█'.repeat(full)}${'░'.repeat(CELLS - full)} ${done}/${of}`;
    this.#stream.write(`${REMOVE_LINE}${done < of ? bar : ''}`);
  }
}
