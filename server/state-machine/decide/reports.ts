/**
 * Decisions about the log vocabulary of POST /events. A line with a lease token acts for that lease. One without tells of
 * a job that this queue did not hand out: the first such line makes the job known, and its worker with it.
 */
import type { LogEvent } from '../../../protocol/log-event.ts';
import { applyEvents, beginSegment, UNREMEMBERED } from '../apply/apply.ts';
import type { Event, JournalEvent } from '../events.ts';
import { finished, type JobRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, type RefusedPart, refuse } from './decision.ts';
import { completed, completeJob, endAttempt, failJob, reportProgress, requeued } from './jobs.ts';

/**
 * A line is decided on the state that those before it lead to. What is decided of a job follows from that job and its worker's
 * price alone, so a copy that has the lines before is made only where a job is told of twice. Refused lines are left out.
 */
export function recordEvents(
  state: State,
  body: CommandBody & { type: 'record_events' },
  context: Context,
): { events: Event[]; refused: RefusedPart[] } {
  const events: Event[] = [];
  const refused: RefusedPart[] = [];
  const told = new Set<string>();
  let scratch: State | null = null;
  for (const [index, line] of body.events.entries()) {
    if (scratch === null && told.has(line.job_id)) {
      scratch = state.clone();
      beginSegment(scratch, state.seq, context.at_ms);
      applyEvents(scratch, events.map(unnamed));
    }
    told.add(line.job_id);
    const decision = decideLine(scratch ?? state, line, body, context);
    if (decision.refusal) refused.push({ index, refusal: decision.refusal });
    if (!decision.events) continue;
    events.push(...decision.events);
    if (scratch !== null) applyEvents(scratch, decision.events.map(unnamed));
  }
  return { events, refused };
}

const unnamed = (event: Event): JournalEvent => ({ id: UNREMEMBERED, at: '', actor: '', ...event });

function decideLine(
  state: State,
  line: LogEvent,
  { worker_id, jitter }: { worker_id: string | null; jitter: number },
  context: Context,
): Decision {
  if (line.lease_token !== undefined) return decideLeased(state, line, line.lease_token, jitter, context);
  const job = state.job(line.job_id);
  const who = line.worker_id ?? job?.run?.worker_id ?? worker_id;
  if (!who) return refuse('invalid', 'worker_id_missing', `${line.event} of ${line.job_id} names no worker_id`);
  const run = job?.run ?? null;
  // Also when that lease has ended: a worker that lost it must not get in by the back door.
  if (job && run && run.token !== null) {
    return refuse('conflict', 'lease_required', `${line.job_id} was handed out by this queue: send its lease_token`, {
      extra: { state: job.state },
    });
  }
  const starts = line.event === 'JOB_START';
  if (job && (starts ? job.state === 'COMPLETED' || job.state === 'CANCELLING' : finished(job.state))) {
    return refuse('conflict', 'transition_not_allowed', `${line.job_id} is ${job.state}`, {
      extra: { state: job.state },
    });
  }
  const reporting = run !== null && run.ended_ms === null;
  const started: Event[] = [];
  if (!job) started.push(...submitted(line));
  else if (finished(job.state)) started.push(requeued(job, 'Started again'));
  else if (reporting && starts && run.worker_id !== who) started.push(...takenOver(state, job, who, context));
  if (!reporting || started.length > 0) {
    started.push(assigned(line, who, !job || finished(job.state) ? 1 : job.attempt));
  }
  if (line.event === 'JOB_START') return { events: started };

  const scratch = started.length > 0 ? state.clone() : state;
  if (started.length > 0) applyEvents(scratch, started.map(unnamed));
  const current = scratch.job(line.job_id);
  if (!current) return { events: [] };
  switch (line.event) {
    case 'JOB_PROGRESS':
      return { events: [...started, progressed(line, current)] };
    case 'JOB_COMPLETE':
      return {
        events: [
          ...started,
          completed(
            scratch,
            current,
            {
              s3_path: line.s3_path ?? '',
              segments_count: line.segments ?? 0,
              confidence_score: line.confidence_score ?? null,
            },
            context.at_ms,
          ),
        ],
      };
    case 'JOB_FAILED':
      return {
        events: [
          ...started,
          ...endAttempt(scratch, current, errorOf(line, false), context, {
            delay_ms: null,
            keeps_place: false,
            counts: true,
            batch_size: null,
          }),
        ],
      };
  }
}

function decideLeased(state: State, line: LogEvent, lease_token: string, jitter: number, context: Context): Decision {
  const { job_id } = line;
  switch (line.event) {
    case 'JOB_START':
      return { events: [] };
    case 'JOB_PROGRESS':
      return reportProgress(state, {
        type: 'report_progress',
        job_id,
        report: { ...progressOf(line), lease_token },
      });
    case 'JOB_COMPLETE': {
      const { s3_path, segments = 0, confidence_score = null } = line;
      if (s3_path === undefined) {
        return refuse('invalid', 's3_path_missing', `JOB_COMPLETE of ${job_id} does not say where the transcript is`);
      }
      return completeJob(
        state,
        { type: 'complete_job', job_id, lease_token, output: { s3_path, segments_count: segments, confidence_score } },
        context,
      );
    }
    case 'JOB_FAILED':
      return failJob(
        state,
        { type: 'fail_job', job_id, lease_token, error: errorOf(line, true), batch_size: null, jitter },
        context,
      );
  }
}

/** Another worker than the one that had it says that it works on it now. */
function takenOver(state: State, job: JobRecord, who: string, context: Context): Event[] {
  const error = { code: 'taken_over', message: `${who} has started it`, retryable: true };
  return endAttempt(state, job, error, context, { delay_ms: null, keeps_place: true, counts: false, batch_size: null });
}

function errorOf(line: LogEvent, retryable: boolean) {
  return {
    code: line.code ?? 'worker_error',
    message: line.error ?? 'The worker gave no reason',
    retryable: line.retryable ?? retryable,
  };
}

function progressOf(line: LogEvent) {
  return {
    percentage: line.percentage ?? 0,
    stage: line.stage ?? null,
    current_chunk: line.current_chunk ?? null,
    total_chunks: line.total_chunks ?? null,
    eta_seconds: line.eta_seconds ?? null,
  };
}

function progressed(line: LogEvent, { attempt, state }: JobRecord): Event {
  const progress = progressOf(line);
  return {
    type: 'JobProgressed',
    entity: line.job_id,
    data: {
      ...progress,
      stage: progress.stage?.toUpperCase() ?? null,
      attempt,
      duration_seconds: line.audio_duration ?? null,
      file_size_bytes: null,
      ...(state === 'CANCELLING' ? { cancelling: true } : {}),
    },
  };
}

function submitted(line: LogEvent): Event[] {
  return [
    {
      type: 'JobSubmitted',
      entity: line.job_id,
      data: {
        audio_url: line.audio_url ?? '',
        output_format: 'json',
        priority: 'normal',
        max_attempts: 1,
        duration_seconds: line.audio_duration ?? null,
        file_size_bytes: null,
        tags: [],
        metadata: null,
        webhook_url: null,
        estimated_cost_usd: null,
        details: 'First heard of in a report',
      },
    },
  ];
}

function assigned(line: LogEvent, worker_id: string, attempt: number): Event {
  return {
    type: 'JobAssigned',
    entity: line.job_id,
    data: { worker_id, instance_id: null, attempt, token: null, expires_ms: null, estimated_cost_usd: null },
  };
}
