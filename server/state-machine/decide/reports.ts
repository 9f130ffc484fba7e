/**
 * Decisions about log lines under a lease: each has the effect of the job's own endpoint. A line without a lease is a
 * sighting (observed.ts).
 */

import { applyEvents, beginSegment, UNREMEMBERED } from '../apply/apply.ts';
import type { Event, JournalEvent } from '../events.ts';
import type { State } from '../state/state.ts';
import type { CommandBody, LeasedLine } from './commands.ts';
import { type Context, type Decision, type RefusedPart, refuse } from './decision.ts';
import { completeJob, failJob, reportProgress } from './jobs.ts';

/**
 * Each line is decided on the state after the lines before it. A decision depends only on the job, and on
 * its worker's price and faults in a row, which an earlier line hardly changes; so earlier lines are applied to a copy only
 * if a job has several. Refused lines have no effect.
 */
export function recordEvents(
  state: State,
  body: CommandBody & { type: 'record_events' },
  context: Context,
): { events: Event[]; refused: RefusedPart[] } {
  const events: Event[] = [];
  const refused: RefusedPart[] = [];
  const seen = new Set<string>();
  let scratch: State | null = null;
  for (const [index, line] of body.events.entries()) {
    if (scratch === null && seen.has(line.job_id)) {
      scratch = state.clone();
      beginSegment(scratch, state.seq, context.at_ms);
      applyEvents(scratch, events.map(unnamed));
    }
    seen.add(line.job_id);
    const decision = decideLine(scratch ?? state, line, body.jitter, context);
    if (decision.refusal) refused.push({ index, refusal: decision.refusal });
    if (!decision.events) continue;
    events.push(...decision.events);
    if (scratch !== null) applyEvents(scratch, decision.events.map(unnamed));
  }
  return { events, refused };
}

const unnamed = (event: Event): JournalEvent => ({ id: UNREMEMBERED, at: '', actor: '', ...event });

function decideLine(state: State, line: LeasedLine, jitter: number, context: Context): Decision {
  const { job_id, lease_token } = line;
  switch (line.event) {
    case 'JOB_START':
      return { events: [] };
    case 'JOB_PROGRESS': {
      const { percentage = 0, stage, current_chunk, total_chunks, eta_seconds } = line;
      const report = { lease_token, percentage, stage, current_chunk, total_chunks, eta_seconds };
      return reportProgress(state, { type: 'report_progress', job_id, report });
    }
    case 'JOB_COMPLETE': {
      const { s3_path, segments = 0, confidence_score = null } = line;
      if (s3_path === undefined) {
        return refuse('invalid', 's3_path_missing', `JOB_COMPLETE of ${job_id} has no s3_path`);
      }
      const output = { s3_path, segments_count: segments, confidence_score };
      return completeJob(state, { type: 'complete_job', job_id, lease_token, output }, context);
    }
    case 'JOB_FAILED': {
      const { code = 'worker_error', error = 'The worker gave no reason', retryable = true } = line;
      const reason = { code, message: error, retryable };
      const body = { type: 'fail_job', job_id, lease_token, error: reason, batch_size: null, jitter } as const;
      return failJob(state, body, context);
    }
  }
}
