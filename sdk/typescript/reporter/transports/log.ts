/** Log lines on standard output or at the end of a file: `TRANSCRIPTION_EVENT {json}`, or the plain form. */
import { appendFile } from 'node:fs/promises';
import { formatLogLine, formatPlainLine } from '../../../../protocol/log-format.ts';
import { allOf, type Refusal, type Report, type Transport, TransportError } from '../report.ts';
import { writeQuietly } from '../write-quietly.ts';

export type LineFormat = 'json' | 'plain';

const linesOf = (batch: readonly Report[], format: LineFormat): string => {
  const write = format === 'plain' ? formatPlainLine : formatLogLine;
  return batch.map((report) => `${write(allOf(report))}\n`).join('');
};

export class OutputLogTransport implements Transport {
  readonly name = 'log:';
  /** Among the worker's own lines, where they belong. */
  readonly linger_ms = 0;
  readonly #format: LineFormat;

  constructor(format: LineFormat) {
    this.#format = format;
  }

  async send(batch: readonly Report[]): Promise<Refusal[]> {
    await writeQuietly(process.stdout, linesOf(batch, this.#format));
    return [];
  }

  async close(): Promise<void> {}
}

export class FileLogTransport implements Transport {
  readonly name: string;
  readonly linger_ms = 0;
  readonly #path: string;
  readonly #format: LineFormat;

  constructor(path: string, format: LineFormat) {
    this.name = `log:${path}`;
    this.#path = path;
    this.#format = format;
  }

  /** The file is opened each time, so that logs may be rotated. */
  async send(batch: readonly Report[]): Promise<Refusal[]> {
    try {
      await appendFile(this.#path, linesOf(batch, this.#format));
      return [];
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new TransportError(message, {
        hint: code === 'ENOENT' ? 'make the folder that it is in' : undefined,
        cause: error,
      });
    }
  }

  async close(): Promise<void> {}
}
