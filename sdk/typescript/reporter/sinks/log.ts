/** Log lines on standard output or appended to a file: `TRANSCRIPTION_EVENT {json}`, or the plain form. */
import { appendFileSync } from 'node:fs';
import { formatLogLine, formatPlainLine } from '../../../../protocol/log-format.ts';
import { allOf, type Refusal, type Report, type Sink, SinkError } from '../report.ts';
import { writeQuietly } from '../write-quietly.ts';

export type LineFormat = 'json' | 'plain';

const linesOf = (batch: readonly Report[], format: LineFormat): string => {
  const write = format === 'plain' ? formatPlainLine : formatLogLine;
  return batch.map((report) => `${write(allOf(report))}\n`).join('');
};

export class OutputLogSink implements Sink {
  readonly name = 'log:';
  readonly linger_ms = 0;
  /** In order with the worker's own lines. */
  readonly direct = true;
  readonly #format: LineFormat;

  constructor(format: LineFormat) {
    this.#format = format;
  }

  async send(batch: readonly Report[]): Promise<Refusal[]> {
    await writeQuietly(process.stdout, linesOf(batch, this.#format));
    return [];
  }

  sendNow(batch: readonly Report[]): Refusal[] {
    void writeQuietly(process.stdout, linesOf(batch, this.#format));
    return [];
  }

  async close(): Promise<void> {}
}

export class FileLogSink implements Sink {
  readonly name: string;
  readonly linger_ms = 0;
  readonly direct = true;
  readonly #path: string;
  readonly #format: LineFormat;

  constructor(path: string, format: LineFormat) {
    this.name = `log:${path}`;
    this.#path = path;
    this.#format = format;
  }

  async send(batch: readonly Report[]): Promise<Refusal[]> {
    return this.sendNow(batch);
  }

  /** Opens the file for each batch, so that logs can be rotated. */
  sendNow(batch: readonly Report[]): Refusal[] {
    try {
      appendFileSync(this.#path, linesOf(batch, this.#format));
      return [];
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new SinkError(message, {
        hint: code === 'ENOENT' ? 'create the folder first' : undefined,
        cause: error,
      });
    }
  }

  async close(): Promise<void> {}
}
