/**
 * The spans of a job, from its record. Their ids follow from the job, so that a worker can be given the id of the span
 * above its own before that span is made, and two monitors make the same ones.
 *
 *     job ── queued, attempt (── download, transcribe, upload: by the worker), queued, attempt, …
 *
 * A job that is retried after its end has another `job` span in the same trace.
 */
import { hash } from 'node:crypto';
import { formatTraceparent, parseTraceparent, type TraceContext } from '../../../protocol/trace-context.ts';
import type { FinishedSpan } from '../../../tracing/span.ts';
import { finished, type HistoryRecord, type JobRecord, type Run } from '../../state-machine/state/records.ts';

/** The `traceparent` for the worker that holds the job: the current attempt; null if the submitter's trace is not recorded. */
export function attemptTraceparent(job: JobRecord): string {
  const { trace_id, sampled } = contextOf(job);
  return formatTraceparent({ trace_id, sampled, span_id: attemptId(job, job.run?.assigned_ms ?? 0) });
}

/** The spans of the job since it was submitted or last retried, up to its last end. Empty if it has not ended, or its trace is not recorded. */
export function spansOfJob(job: JobRecord): FinishedSpan[] {
  const { trace_id, span_id, sampled } = contextOf(job);
  const round = lastRound(job);
  if (!sampled || round === null) return [];
  const { entries, start_ms, end } = round;
  const root = idOf(job.job_id, 'job', start_ms);
  const span = (
    name: string,
    times: { start_ms: number; end_ms: number },
    more: Partial<FinishedSpan> = {},
  ): FinishedSpan => ({
    trace_id,
    span_id: idOf(job.job_id, name, times.start_ms),
    parent_span_id: root,
    name,
    ...times,
    error: null,
    ...more,
    attributes: { 'transcription.job.id': job.job_id, ...more.attributes },
  });
  const failed = end.state === 'FAILED' ? (job.last_error?.code ?? 'failed') : null;
  return [
    span(
      'job',
      { start_ms, end_ms: end.at_ms },
      {
        parent_span_id: span_id,
        attributes: { ...jobAttributes(job, end), ...(failed === null ? {} : { 'error.type': failed }) },
        error: failed === null ? null : (job.last_error?.message ?? failed),
      },
    ),
    ...waits(entries).map((times) => span('queued', times)),
    ...[...job.earlier, ...(job.run ? [job.run] : [])]
      .filter(({ assigned_ms, ended_ms }) => assigned_ms >= start_ms && ended_ms !== null && ended_ms <= end.at_ms)
      .map((run) =>
        span(
          'attempt',
          { start_ms: run.assigned_ms, end_ms: run.ended_ms! },
          {
            span_id: attemptId(job, run.assigned_ms),
            attributes: runAttributes(run),
            error: run.error_code,
            ...(run.downloaded_ms === null ? {} : { events: [{ name: 'downloaded', at_ms: run.downloaded_ms }] }),
          },
        ),
      ),
  ];
}

/** The submitter's, or a trace of the job's own. `span_id` is null for that. */
function contextOf({ job_id, traceparent }: JobRecord): Omit<TraceContext, 'span_id'> & { span_id: string | null } {
  const given = parseTraceparent(traceparent);
  return given ?? { trace_id: hash('sha256', `trace ${job_id}`, 'hex').slice(0, 32), span_id: null, sampled: true };
}

const idOf = (job_id: string, name: string, start_ms: number): string =>
  hash('sha256', `span ${job_id} ${name} ${start_ms}`, 'hex').slice(0, 16);

const attemptId = ({ job_id }: JobRecord, assigned_ms: number): string => idOf(job_id, 'attempt', assigned_ms);

/** The entries from the submission or the last retry to the last end. */
function lastRound({ history, created_ms }: JobRecord) {
  const last = history.findLastIndex(ends);
  if (last === -1) return null;
  const before = history.slice(0, last).findLastIndex(ends);
  const entries = history.slice(before + 1, last + 1);
  return { entries, start_ms: before === -1 ? created_ms : entries[0]!.at_ms, end: history[last]! };
}

const ends = ({ state }: HistoryRecord): boolean => finished(state as JobRecord['state']);

/** From each entry into the queue to what came next. */
function waits(entries: readonly HistoryRecord[]): { start_ms: number; end_ms: number }[] {
  return entries.flatMap(({ state, at_ms }, index) => {
    const next = entries.slice(index + 1).find((entry) => entry.state !== 'QUEUED');
    const repeated = entries[index - 1]?.state === 'QUEUED';
    return state === 'QUEUED' && next && !repeated ? [{ start_ms: at_ms, end_ms: next.at_ms }] : [];
  });
}

function jobAttributes(job: JobRecord, end: HistoryRecord): FinishedSpan['attributes'] {
  return {
    'transcription.job.state': end.state,
    'transcription.job.priority': job.priority,
    'transcription.job.attempts': job.attempt,
    ...known('transcription.audio.duration_seconds', job.duration_seconds),
    ...known('transcription.cost_usd', job.actual_cost_usd),
  };
}

function runAttributes({ worker_id, attempt, model, device, instance_type, error_code, fault }: Run) {
  return {
    'transcription.worker.id': worker_id,
    'transcription.attempt': attempt,
    ...known('transcription.model', model),
    ...known('transcription.device', device),
    ...known('host.type', instance_type),
    ...known('error.type', error_code),
    ...known('transcription.fault', fault),
  };
}

const known = (name: string, value: string | number | null): FinishedSpan['attributes'] =>
  value === null ? {} : { [name]: value };
