/**
 * Decisions about messages in an external queue. A message stands for one turn of a job: an attempt at a place. Turns of
 * a job only go up, so a message of an earlier turn is over for good, and one of the current turn can be claimed again
 * after a hand-back. Of several messages of one turn the journal names one; the others are duplicates once it is held.
 */
import { isTurn } from '../apply/job.ts';
import type { Event } from '../events.ts';
import { claimable } from '../state/job-indexes.ts';
import { finished, type JobRecord, running, runsElsewhere } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { CommandBody, JobMessage } from './commands.ts';
import type { Decision } from './decision.ts';

/**
 * - `claimable`: its job may be claimed now.
 * - `held`: a worker holds its job; the message has to stay, hidden.
 * - `over`: of no use any more, ever.
 * - `ahead`: this fold does not know its turn yet, or the turn is delayed.
 */
export type Verdict = 'claimable' | 'held' | 'over' | 'ahead';

export function verdictOn(state: State, message: JobMessage): Verdict {
  const job = state.job(message.job_id);
  // Places are numbers of the fold: one that it has passed was of a job that has left memory.
  if (!job) return message.place <= state.scalars.next_ordinal ? 'over' : 'ahead';
  if (!isTurn(job, message)) return isLater(message, job) ? 'ahead' : 'over';
  if (finished(job.state) || runsElsewhere(job)) return 'over';
  if (claimable(job)) return 'claimable';
  if (!running(job.state)) return 'ahead';
  const current = messageOf(job);
  return current === null || current === message.message_id ? 'held' : 'over';
}

const isLater = (a: { attempt: number; place: number }, b: { attempt: number; place: number }): boolean =>
  a.place > b.place || (a.place === b.place && a.attempt > b.attempt);

/** The id of the message for the job's current turn; null if none was sent. */
export function messageOf(job: JobRecord): string | null {
  // Records in old archives lack this field.
  return job.message && isTurn(job, job.message) ? job.message.message_id : null;
}

/** Whether a message has to be sent: the job may be claimed, and nothing in the queue stands for it. */
export const lacksMessage = (job: JobRecord): boolean => claimable(job) && messageOf(job) === null;

export function recordMessages(state: State, { messages }: CommandBody & { type: 'record_messages' }): Decision {
  const events = messages.flatMap(({ replaces, ...message }): Event[] => {
    const job = state.job(message.job_id);
    if (!job || !isTurn(job, message) || finished(job.state) || messageOf(job) !== replaces) return [];
    return [messaged(message)];
  });
  return { events };
}

/** The jobs that these messages let a worker claim, each once, with the events that name a message until now unknown. */
export function claimsOf(
  state: State,
  messages: readonly JobMessage[],
): { job: JobRecord; events: readonly Event[] }[] {
  const byJob = new Map<string, JobMessage>();
  for (const message of messages) {
    if (!byJob.has(message.job_id) && verdictOn(state, message) === 'claimable') byJob.set(message.job_id, message);
  }
  return [...byJob.values()].map((message) => {
    const job = state.job(message.job_id)!;
    return { job, events: messageOf(job) === message.message_id ? [] : [messaged(message)] };
  });
}

function messaged({ job_id, attempt, place, message_id }: JobMessage): Event {
  return {
    type: 'JobMessaged',
    entity: job_id,
    data: { attempt, place, message_id, details: 'Message in SQS queue' },
  };
}
