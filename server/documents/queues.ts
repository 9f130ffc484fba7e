/** The two queues as users see them. */
import type { Queue } from '../../protocol/queue.ts';
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
  const by_priority = { high: 0, normal: 0, low: 0 };
  let oldest_ms: number | null = null;
  for (const job_id of state.tables.dead.values()) {
    const job = state.job(job_id);
    if (!job) continue;
    by_priority[job.priority] += 1;
    oldest_ms ??= job.completed_ms;
  }
  return {
    queue: 'dlq',
    messages_visible: state.tables.dead.size,
    messages_inflight: 0,
    messages_delayed: 0,
    age_oldest_message: oldest_ms === null ? null : seconds(state.at_ms - oldest_ms),
    by_priority,
    updated_at: formatTime(state.at_ms),
    as_of_seq: state.seq,
  };
}
