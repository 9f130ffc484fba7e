/** The two queues as users see them. */
import type { Queue, SqsFigures } from '../../protocol/queue.ts';
import { formatTime } from '../../protocol/time.ts';
import type { State } from '../state-machine/state/state.ts';
import { oldestWaiting } from '../state-machine/state/waiting.ts';
import { seconds } from './figures.ts';

export function mainQueueDocument(state: State): Queue {
  const { waiting, waiting_elsewhere, jobs_by_state } = state.tables;
  const visible = waiting.high.size + waiting.normal.size + waiting.low.size;
  const oldest_ms = oldestWaiting(state);
  return {
    queue: 'main',
    messages_visible: visible,
    messages_inflight: jobs_by_state.PROCESSING.size + jobs_by_state.CANCELLING.size,
    messages_delayed: jobs_by_state.QUEUED.size - visible - waiting_elsewhere.size,
    age_oldest_message: oldest_ms === null ? null : seconds(state.at_ms - oldest_ms),
    by_priority: { high: waiting.high.size, normal: waiting.normal.size, low: waiting.low.size },
    updated_at: formatTime(state.at_ms),
    as_of_seq: state.seq,
  };
}

export function deadLetterQueueDocument(state: State): Queue {
  const { dead, dead_by_priority } = state.tables;
  const first = dead.minKey();
  const oldest = first === undefined ? undefined : state.job(dead.get(first)!);
  const oldest_ms = oldest?.completed_ms ?? null;
  return {
    queue: 'dlq',
    messages_visible: dead.size,
    messages_inflight: 0,
    messages_delayed: 0,
    age_oldest_message: oldest_ms === null ? null : seconds(state.at_ms - oldest_ms),
    by_priority: {
      high: dead_by_priority.high.size,
      normal: dead_by_priority.normal.size,
      low: dead_by_priority.low.size,
    },
    updated_at: formatTime(state.at_ms),
    as_of_seq: state.seq,
  };
}

/** What SQS says of the queue that carries the main queue. */
export function sqsFigures(
  { url, read_ms, figures, problem }: MeasuredQueue,
  messages_not_understood: number,
): SqsFigures {
  const { messages_visible = null, messages_inflight = null, messages_delayed = null } = figures ?? {};
  return {
    url,
    messages_visible,
    messages_inflight,
    messages_delayed,
    messages_not_understood,
    problem,
    read_at: formatTime(read_ms),
  };
}

type Measured = { messages_visible: number; messages_inflight: number; messages_delayed: number };

type MeasuredQueue = { url: string; read_ms: number; figures: Measured | null; problem: string | null };
