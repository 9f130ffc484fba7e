/** A job's history as lanes: one for each attempt, to scale, from its place in the queue to what ended it. */
import type { Job } from '../../../../protocol/job.ts';
import { ended } from '../../live/reduce-job.ts';

export type Part = {
  kind: 'queued' | 'download' | 'work' | 'stalled' | 'failed' | 'done' | 'cancelled';
  /** Of the whole time, percent. */
  from: number;
  width: number;
  label: string;
  seconds: number;
};

export type Lane = { attempt: number; worker_id: string | null; parts: Part[] };

export type Timeline = {
  lanes: Lane[];
  queued_seconds: number;
  worked_seconds: number;
  from_ms: number;
  to_ms: number;
};

type Span = { kind: Part['kind']; from_ms: number; to_ms: number; label: string };
type Turn = { worker_id: string | null; spans: Span[] };

export function timelineOf(job: Job, now_ms: number): Timeline {
  const turns = turnsOf(job, now_ms);
  const spans = turns.flatMap((turn) => turn.spans);
  const from_ms = Date.parse(job.created_at);
  const to_ms = Math.max(from_ms + 1, ...spans.map((span) => span.to_ms));
  const sum = (wanted: (span: Span) => boolean) =>
    spans.filter(wanted).reduce((total, span) => total + span.to_ms - span.from_ms, 0) / 1000;
  const lanes = turns.map(({ worker_id, spans: own }, index) => ({
    attempt: index + 1,
    worker_id,
    parts: own.map((span) => ({
      kind: span.kind,
      label: span.label,
      from: ((span.from_ms - from_ms) / (to_ms - from_ms)) * 100,
      width: ((span.to_ms - span.from_ms) / (to_ms - from_ms)) * 100,
      seconds: (span.to_ms - span.from_ms) / 1000,
    })),
  }));
  const queued_seconds = sum(({ kind }) => kind === 'queued');
  return { lanes, queued_seconds, worked_seconds: sum(({ kind }) => kind !== 'queued'), from_ms, to_ms };
}

/** A lane begins where a job begins to wait, and ends where it waits again or is over. */
function turnsOf(job: Job, now_ms: number): Turn[] {
  const { state_history: history, state } = job;
  const turns: Turn[] = [];
  let turn: Turn = { worker_id: null, spans: [] };
  for (const [index, entry] of history.entries()) {
    const next = history[index + 1];
    const last = next === undefined;
    const from_ms = Date.parse(entry.timestamp);
    const to_ms = last ? Math.max(from_ms, now_ms) : Date.parse(next.timestamp);
    if (entry.state === 'SUBMITTED' || entry.state === 'QUEUED') {
      // A job without a retry is submitted and queued in one lane.
      if (turn.worker_id !== null) {
        turns.push(turn);
        turn = { worker_id: null, spans: [] };
      }
      if (to_ms > from_ms) addQueued(turn, from_ms, to_ms);
    } else if (entry.state === 'PROCESSING') {
      turn.worker_id = /^Assigned to (.+)$/.exec(entry.details)?.[1] ?? job.worker?.worker_id ?? '';
      turn.spans.push(...workSpans(job, { from_ms, to_ms, last, next }));
    } else if (entry.state === 'CANCELLING') {
      if (to_ms > from_ms) turn.spans.push({ kind: 'cancelled', from_ms, to_ms, label: 'cancelling' });
    }
  }
  if (turn.spans.length > 0 || turns.length === 0) turns.push(turn);
  return ended(state) && turns.length === 0 ? [] : turns;
}

function addQueued(turn: Turn, from_ms: number, to_ms: number): void {
  const before = turn.spans.at(-1);
  if (before?.kind === 'queued') before.to_ms = to_ms;
  else turn.spans.push({ kind: 'queued', from_ms, to_ms, label: 'queued' });
}

type Attempt = { from_ms: number; to_ms: number; last: boolean; next: Job['state_history'][number] | undefined };

/** The download is known of the current or last attempt only. */
function workSpans(job: Job, { from_ms, to_ms, last, next }: Attempt): Span[] {
  const { verdict, performance, worker, progress, retry_info } = job;
  const current = worker !== null && Math.abs(Date.parse(worker.assigned_at) - from_ms) < 1000;
  const download_ms = current ? (performance.download_time_seconds ?? 0) * 1000 : 0;
  const spans: Span[] = [];
  const work_ms = Math.min(to_ms, from_ms + download_ms);
  if (download_ms > 0) spans.push({ kind: 'download', from_ms, to_ms: work_ms, label: 'downloading' });
  const stalled = last && (verdict?.status === 'hung' || verdict?.status === 'dead');
  const stalled_ms = stalled ? Math.max(work_ms, Math.min(to_ms, Date.parse(verdict.since))) : to_ms;
  const batch =
    progress.total_chunks === null ? '' : `, chunk ${progress.current_chunk ?? 0} of ${progress.total_chunks}`;
  const failed = next !== undefined && (next.state === 'QUEUED' || next.state === 'FAILED');
  if (failed)
    spans.push({ kind: 'failed', from_ms: work_ms, to_ms, label: reasonOf(next, retry_info.last_error?.code) });
  else {
    const label = last ? `transcribing${batch}` : 'transcribed';
    const kind = next?.state === 'COMPLETED' ? 'done' : next?.state === 'CANCELLED' ? 'cancelled' : 'work';
    if (stalled_ms > work_ms) spans.push({ kind, from_ms: work_ms, to_ms: stalled_ms, label });
  }
  if (stalled) spans.push({ kind: 'stalled', from_ms: stalled_ms, to_ms, label: 'nothing moves' });
  return spans;
}

/** `gpu_out_of_memory` of `Returned to main queue: gpu_out_of_memory`. */
function reasonOf({ details }: Job['state_history'][number], code: string | undefined): string {
  const [, reason] = /^(?:Returned to main queue|Returned to the queue): (.+)$/.exec(details) ?? [];
  const [, first] = /^([a-z0-9_]+): /.exec(details) ?? [];
  return (reason ?? first ?? code ?? details).replaceAll('_', ' ');
}
