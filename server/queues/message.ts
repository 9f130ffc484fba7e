/**
 * The message about one turn of a job. Its body names job, turn and journal; its attributes are those of the documents:
 * `JobId`, `StartTime`, and `WorkerId` if a worker holds the job.
 */
import { isId } from '../../protocol/ids.ts';
import { formatTime } from '../../protocol/time.ts';
import type { JobMessage } from '../state-machine/decide/commands.ts';
import { type JobRecord, running } from '../state-machine/state/records.ts';
import type { Outgoing, Received } from './message-queue.ts';

/** A message about a job of this journal, with the receipt of its last receive. */
export type OwnMessage = JobMessage & { receipt: string };

export type ReadMessage =
  | { own: OwnMessage }
  /** About a job of another monitor. */
  | { of_journal: string }
  /** Put there by another system. */
  | { foreign: Received };

export function messageAbout(job: JobRecord, journal_id: string, delay_seconds = 0): Outgoing {
  const { job_id, attempt, place, run } = job;
  const holder = running(job.state) && run ? run : null;
  return {
    body: JSON.stringify({ job_id, attempt, place, journal: journal_id }),
    attributes: {
      JobId: job_id,
      StartTime: formatTime(holder ? holder.assigned_ms : job.created_ms),
      ...(holder ? { WorkerId: holder.worker_id } : {}),
    },
    group: job_id,
    deduplication: `${job_id}.${attempt}.${place}`,
    delay_seconds,
  };
}

export function readMessage(message: Received, journal_id: string): ReadMessage {
  const body = parse(message.body);
  if (!isTurn(body)) return { foreign: message };
  if (body.journal !== journal_id) return { of_journal: body.journal };
  const { job_id, attempt, place } = body;
  return { own: { message_id: message.message_id, receipt: message.receipt, job_id, attempt, place } };
}

type Body = { job_id: string; attempt: number; place: number; journal: string };

function isTurn(value: unknown): value is Body {
  if (typeof value !== 'object' || value === null) return false;
  const { job_id, attempt, place, journal } = value as Partial<Body>;
  return (
    typeof job_id === 'string' &&
    isId(job_id) &&
    Number.isSafeInteger(attempt) &&
    Number.isSafeInteger(place) &&
    typeof journal === 'string'
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
