/** Lines piped to standard input: `journalctl -f | tmon logs watch`. They can be read only once. */
import type { Readable } from 'node:stream';
import { dated } from './dated-event.ts';
import { type LogBatch, type LogOptions, type LogReader, LogSource } from './log.ts';
import { LineScanner, type Scanned } from './scan.ts';
import { asUtf8 } from './text.ts';

export function openStandardInput(options: LogOptions & { stream?: Readable } = {}): LogSource {
  return new LogSource(new StandardInput(options));
}

class StandardInput implements LogReader {
  readonly poll_ms = null;
  readonly name = 'log:';
  readonly #options: LogOptions & { stream?: Readable };

  constructor(options: LogOptions & { stream?: Readable }) {
    this.#options = options;
  }

  async *read({ signal }: { signal: AbortSignal }): AsyncGenerator<LogBatch> {
    const { zone, now = Date.now, stream = process.stdin } = this.#options;
    if (stream.readableEnded || stream.destroyed) return;
    const scanner = new LineScanner({ ...(zone === undefined ? {} : { zone }), now_ms: now() });
    // What has no time, nor any line before it, is of now: a pipe does not wait for the next line.
    const batch = (scanned: Scanned): LogBatch => dated(scanned, { scanner, otherwise_ms: now(), position: null });
    const stop = () => stream.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const chunk of asUtf8(stream)) yield batch(scanner.push(chunk));
      // The pipe ended with the process.
      yield batch(scanner.takeHalf());
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    signal.throwIfAborted();
  }

  async close(): Promise<void> {
    (this.#options.stream ?? process.stdin).destroy();
  }
}
