/** One file of a spool, and the reports that wait in it. */
import {
  closeSync,
  ftruncateSync,
  futimesSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { Report } from './report.ts';
import { readSpool, sentLine, spoolLine } from './spool-format.ts';

export const SPOOL_BYTES_MAX = 8 * 1024 * 1024;
const REPORTS_MAX = 10_000;

export class SpoolFile {
  #path: string;
  #descriptor: number;
  #bytes: number;
  #lines: number;
  #last: number;
  #sent: number;
  /** By number, ascending. */
  readonly waiting: Map<number, Report>;

  /** Created if it does not exist. */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, 'a+', 0o600);
    const text = readFileSync(path, 'utf8');
    this.waiting = readSpool(text);
    this.#bytes = Buffer.byteLength(text);
    this.#lines = this.waiting.size;
    this.#last = Math.max(0, ...this.waiting.keys());
    this.#sent = 0;
  }

  append(report: Report): number {
    this.#last += 1;
    const line = spoolLine(this.#last, report);
    const full = this.#bytes + line.length > SPOOL_BYTES_MAX || this.#lines >= REPORTS_MAX;
    this.waiting.set(this.#last, report);
    if (full) this.#shrink();
    else this.#write(line);
    this.#lines += 1;
    return this.#last;
  }

  /** Records what is sent: an empty file if nothing waits. */
  advance(): void {
    const [first] = this.waiting.keys();
    if (first === undefined) {
      if (this.#bytes === 0) return;
      ftruncateSync(this.#descriptor, 0);
      this.#bytes = 0;
      this.#lines = 0;
      return;
    }
    if (first - 1 > this.#sent) {
      this.#sent = first - 1;
      this.#write(sentLine(this.#sent));
    }
  }

  touch(): void {
    const now = Date.now() / 1000;
    futimesSync(this.#descriptor, now, now);
  }

  moveTo(path: string): void {
    renameSync(this.#path, path);
    this.#close();
  }

  remove(): void {
    this.#close();
    unlinkSync(this.#path);
  }

  #close(): void {
    const descriptor = this.#descriptor;
    // Nothing may write to its number, which another file can have by then.
    this.#descriptor = -1;
    closeSync(descriptor);
  }

  #write(line: string): void {
    // A line that a full disk has cut ends here.
    const written = writeSync(this.#descriptor, line);
    if (written < Buffer.byteLength(line)) {
      this.#bytes = SPOOL_BYTES_MAX;
      throw new Error(`${this.#path}: the disk is full`);
    }
    this.#bytes += written;
  }

  /** Writes anew what waits; if that is too much, without the oldest starts, then without the oldest ends. */
  #shrink(): void {
    const lines = new Map([...this.waiting].map(([number, report]) => [number, spoolLine(number, report)]));
    let bytes = 0;
    for (const line of lines.values()) bytes += Buffer.byteLength(line);
    for (const starts of [true, false]) {
      for (const [number, line] of lines) {
        if (bytes <= SPOOL_BYTES_MAX / 2 && lines.size <= REPORTS_MAX / 2) break;
        if (starts && this.waiting.get(number)!.event.event !== 'JOB_START') continue;
        lines.delete(number);
        bytes -= Buffer.byteLength(line);
      }
    }
    const aside = `${this.#path}.new`;
    writeFileSync(aside, [...lines.values()].join(''), { mode: 0o600 });
    renameSync(aside, this.#path);
    closeSync(this.#descriptor);
    this.#descriptor = openSync(this.#path, 'a', 0o600);
    this.#bytes = bytes;
    this.#lines = lines.size;
  }
}
