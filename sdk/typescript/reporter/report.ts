/** A report, and the port through which a reporter delivers it. */
import type { LogEvent } from '../../../protocol/log-event.ts';
import type { Sighting } from '../../../protocol/sighting.ts';

/** One event in two forms: the event itself, for systems that keep every event, and the job's state, for all others. */
export type Report = {
  /** The id that stands for the job's name where only an id can: in file names, in requests to a monitor. */
  job_id: string;
  /** Its `job_id` is the job's name as it was given. Always with `worker_id` and `timestamp`. */
  event: LogEvent & { worker_id: string; timestamp: string };
  /** The worker's own fields, for log lines and messages. */
  extra: Readonly<Record<string, unknown>>;
  /** Everything known about the job as of this event; `job_id` is the name, too. */
  sighting: Sighting;
  /** Size of the event with its extra fields, as JSON. */
  bytes: number;
  /** From a spool: the system may know something newer by now, which must stay. */
  late?: true;
};

/** A report that can never be accepted, however often it is sent. */
export type Refusal = { report: Report; why: string };

export interface Sink {
  /** The URL without secrets. */
  readonly name: string;
  /** How long a report may wait to be sent with others. */
  readonly linger_ms: number;

  /**
   * Resolves when all reports are delivered, except those it returns. Reports of one job are in order. Rejects if the
   * outcome is unknown; the same batch is then sent again, so delivering it twice must do no harm. Always settles.
   */
  send(batch: readonly Report[]): Promise<readonly Refusal[]>;

  /** The same before it returns, for systems on this machine; throws where `send` rejects. Used when the process ends. */
  sendNow?(batch: readonly Report[]): readonly Refusal[];
  /** Whether reports are sent by `sendNow` in the call that makes them. */
  readonly direct?: boolean;

  close(): Promise<void>;
}

/** Why nothing can be delivered now; `hint`: the command that fixes it. */
export class SinkError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'SinkError';
    this.hint = options.hint;
  }
}

/** The event with its extra fields, as it appears in a log line. */
export const allOf = ({ event, extra }: Report): Report['event'] & Record<string, unknown> => ({ ...extra, ...event });

/** The last report of each job, for systems that keep only the last state. */
export function lastOfEachJob(batch: readonly Report[]): Report[] {
  return [...new Map(batch.map((report) => [report.event.job_id, report])).values()];
}

/**
 * Calls `send` for each item, at most `atOnce` at a time; after an error starts no more, and rejects with the first
 * one.
 */
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
