/** What passes between a reporter and where it tells: one report, and the port that carries them. */
import type { LogEvent } from '../../../protocol/log-event.ts';
import type { Sighting } from '../../../protocol/sighting.ts';

/** One thing that happened, told in both ways: for systems that keep every event, and for those that keep the last state. */
export type Report = {
  /** Always with `worker_id` and `timestamp`. */
  event: LogEvent & { worker_id: string; timestamp: string };
  /** Fields of the worker's own, for lines and messages. */
  extra: Readonly<Record<string, unknown>>;
  /** All that is known of the job as of this event. */
  sighting: Sighting;
  /** Of the event and what is extra, as JSON. */
  bytes: number;
};

/** A report that will never be taken, however often it is sent. */
export type Refusal = { report: Report; why: string };

export interface Transport {
  /** The URL without what is secret in it. */
  readonly name: string;
  /** How long a report may wait for others that go along. */
  readonly linger_ms: number;

  /**
   * Resolves when all of them are told, but for those that it answers. Reports of one job are in order. It rejects when nothing
   * is known of them: then the very same batch is sent again, so that telling twice must do no harm. It always ends.
   */
  send(batch: readonly Report[]): Promise<readonly Refusal[]>;

  close(): Promise<void>;
}

/** Why nothing can be told now; `hint`: the command that mends it. */
export class TransportError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'TransportError';
    this.hint = options.hint;
  }
}

/** The event with what is extra: what a line says. */
export const allOf = ({ event, extra }: Report): Report['event'] & Record<string, unknown> => ({ ...extra, ...event });

/** For systems that keep the last state only: the last report of each job. */
export function lastOfEachJob(batch: readonly Report[]): Report[] {
  return [...new Map(batch.map((report) => [report.event.job_id, report])).values()];
}

/** Runs `send` on all, at most `atOnce` at a time, to the end; rejects with the first error then. */
export async function forEachOf<T>(
  items: readonly T[],
  atOnce: number,
  send: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const failed: unknown[] = [];
  const run = async () => {
    for (let item = left.shift(); item !== undefined && failed.length === 0; item = left.shift()) {
      await send(item).catch((error: unknown) => failed.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, run));
  if (failed.length > 0) throw failed[0];
}
