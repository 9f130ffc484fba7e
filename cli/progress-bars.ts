/**
 * Progress of jobs, one line each: bars redrawn in place on a terminal, one plain line per change in a pipe, one JSON
 * object per change on request.
 */
import { clearScreenDown, moveCursor } from 'node:readline';
import type { JobUpdate } from '../sdk/typescript/index.ts';
import { colour, cut, duration, fileName, oneLine, printJson, stateColour } from './output.ts';

/** Redraws are limited, because many jobs change faster than is visible. */
const FRAME_MS = 100;
const BAR_CELLS = 24;
/** On narrow terminals the text matters more than the bar. */
const NARROW = { columns: 80, cells: 8 };
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export interface ProgressView {
  show(update: JobUpdate): void;
  /** A line between the progress, which stays. */
  say(line: string): void;
  /** Leaves the bars as they are; nothing is redrawn after this. */
  end(): void;
}

/** `stream`: where all but JSON goes. */
export function openProgressView({
  json,
  stream = process.stdout,
}: {
  json: boolean;
  stream?: NodeJS.WriteStream;
}): ProgressView {
  if (json) return { show: (update) => printJson(jsonOf(update)), say: () => {}, end: () => {} };
  if (stream.isTTY !== true) {
    const write = (line: string) => void stream.write(`${line}\n`);
    return { show: (update) => write(plainOf(update)), say: write, end: () => {} };
  }
  return new Bars(stream);
}

/** Lines redrawn in place, one per job. */
export class Bars implements ProgressView {
  readonly #bars = new Map<string, { line: string; finished: boolean }>();
  readonly #stream: NodeJS.WriteStream;
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream = process.stdout) {
    this.#stream = stream;
  }

  show(update: JobUpdate): void {
    const finished = ['COMPLETED', 'FAILED', 'CANCELLED'].includes(update.state);
    this.put(update.job.job_id, { line: barOf(update), finished });
  }

  put(jobId: string, bar: { line: string; finished: boolean }): void {
    this.#bars.set(jobId, bar);
    this.#timer ??= setTimeout(() => this.#draw(), FRAME_MS);
  }

  say(line: string): void {
    if (this.#drawn > 0) moveCursor(this.#stream, 0, -this.#drawn);
    clearScreenDown(this.#stream);
    this.#stream.write(`${line}\n`);
    this.#drawn = 0;
    this.#draw();
  }

  end(): void {
    if (this.#timer !== undefined) this.#draw();
    this.#drawn = 0;
    this.#bars.clear();
  }

  /** Only what fits on the screen can be redrawn: finished bars scroll off, and the newest are shown. */
  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const columns = this.#stream.columns || 80;
    const room = Math.max(1, (this.#stream.rows || 24) - 2);
    if (this.#drawn > 0) moveCursor(this.#stream, 0, -this.#drawn);
    clearScreenDown(this.#stream);
    for (const [jobId, { line, finished }] of this.#bars) {
      if (this.#bars.size <= room) break;
      if (!finished) continue;
      this.#stream.write(`${cut(line, columns - 1)}\n`);
      this.#bars.delete(jobId);
    }
    const lines = [...this.#bars.values()].slice(-room).map(({ line }) => cut(line, columns - 1));
    this.#stream.write(lines.map((line) => `${line}\n`).join(''));
    this.#drawn = lines.length;
  }
}

function barOf({ state, percentage, stage, job }: JobUpdate): string {
  const { current_chunk, total_chunks, eta_seconds } = job.progress;
  const running = state === 'PROCESSING';
  const chunks = total_chunks ? `${current_chunk ?? 0}/${total_chunks}` : '';
  const details = [
    running && stage !== null ? stage : stateColour(state),
    running ? (placeOf(percentage, job.input.duration_seconds) ?? chunks) : '',
    running && eta_seconds !== null ? `${duration(eta_seconds)} left` : '',
    state === 'FAILED' ? (job.retry_info.last_error?.code ?? '') : '',
    state === 'QUEUED' && job.retry_info.attempt > 1 ? `attempt ${job.retry_info.attempt}` : '',
  ];
  const shown = state === 'COMPLETED' ? 100 : percentage;
  const cells =
    (process.stdout.columns || process.stderr.columns || NARROW.columns) < NARROW.columns ? NARROW.cells : BAR_CELLS;
  const bar = colour(state === 'FAILED' ? 'red' : 'green', barCells(shown, cells));
  const name = oneLine(fileName(job.input.s3_path)).padEnd(20).slice(0, 28);
  return `${name} ${bar} ${String(Math.floor(shown)).padStart(3)}%  ${details.filter(Boolean).join('  ')}`;
}

/** `12:40 / 38:15`: the place in the recording; null if that is not known. */
export function placeOf(percentage: number, duration_seconds: number | null): string | null {
  if (duration_seconds === null || percentage === 0) return null;
  return `${place((duration_seconds * percentage) / 100)} / ${place(duration_seconds)}`;
}

function place(seconds: number): string {
  const whole = Math.floor(seconds);
  const part = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${part(minutes)}:${part(whole % 60)}` : `${minutes}:${part(whole % 60)}`;
}

export function barCells(percentage: number, cells = BAR_CELLS): string {
  const eighths = Math.round((percentage / 100) * cells * 8);
  const full = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
  return full + '·'.repeat(cells - full.length);
}

function plainOf({ state, percentage, stage, job }: JobUpdate): string {
  const { current_chunk, total_chunks, eta_seconds } = job.progress;
  const words = [job.job_id, state];
  if (state === 'PROCESSING' || state === 'CANCELLING') {
    words.push(`${Math.floor(percentage)}%`);
    if (stage !== null) words.push(stage);
    if (total_chunks) words.push(`chunk ${current_chunk ?? 0}/${total_chunks}`);
    const at = placeOf(percentage, job.input.duration_seconds);
    if (at !== null) words.push(at);
    if (eta_seconds !== null) words.push(`eta ${Math.round(eta_seconds)}s`);
  }
  const error = job.retry_info.last_error;
  if ((state === 'FAILED' || state === 'QUEUED') && error) words.push(`${error.code}: ${error.message}`);
  return oneLine(words.join(' '));
}

function jsonOf({ state, percentage, stage, job }: JobUpdate): object {
  const { current_chunk, total_chunks, eta_seconds } = job.progress;
  const { attempt, last_error } = job.retry_info;
  const { job_id, updated_at } = job;
  return {
    job_id,
    state,
    stage,
    percentage,
    current_chunk,
    total_chunks,
    eta_seconds,
    attempt,
    last_error,
    updated_at,
  };
}
