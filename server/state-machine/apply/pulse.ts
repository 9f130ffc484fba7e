/** How an attempt moves: when it last took a step, and how long its steps take, for the verdict on it and for those after it. */
import { awayAfter } from '../state/beats.ts';
import { added, bucketOf } from '../state/histogram.ts';
import type { ProgressRecord, Pulse, Run } from '../state/records.ts';
import type { State } from '../state/state.ts';

type Report = Omit<ProgressRecord, 'pulse'>;

export function pulseOf(state: State, run: Run, last: ProgressRecord | null, next: Report): Pulse {
  const { at_ms } = state;
  const pulse = last?.pulse ?? null;
  const stays = pulse ?? { moved_ms: run.assigned_ms, first_ms: null, first_percentage: 0, gaps: NO_GAPS };
  if (!moved(last, next)) return stays;
  if (stays.first_ms === null) {
    const first = next.percentage > 0;
    return {
      moved_ms: at_ms,
      first_ms: first ? at_ms : null,
      first_percentage: first ? next.percentage : 0,
      gaps: NO_GAPS,
    };
  }
  // A stage that begins, such as UPLOADING, is no step of the work.
  const step = next.percentage > (last?.percentage ?? 0);
  const gap_ms = at_ms - stays.moved_ms;
  const counts = step && gap_ms > 0 && !(gap_ms > LONG_MS && wasAway(state, run, stays.moved_ms));
  return {
    moved_ms: at_ms,
    first_ms: stays.first_ms,
    first_percentage: stays.first_percentage,
    gaps: counts ? added(stays.gaps, bucketOf(gap_ms / 1000), 1, GAPS_MAX) : stays.gaps,
  };
}

const NO_GAPS: Pulse['gaps'] = [];
const GAPS_MAX = 48;
/** Only longer gaps are worth a look at the worker. */
const LONG_MS = 10_000;

const moved = (last: ProgressRecord | null, next: Report): boolean =>
  last === null ||
  next.percentage > last.percentage ||
  next.stage !== last.stage ||
  (next.current_chunk ?? 0) > (last.current_chunk ?? 0);

/** Whether reports could not arrive for a time since then. */
function wasAway(state: State, { worker_id }: Run, since_ms: number): boolean {
  const worker = state.worker(worker_id);
  if (worker?.beats === undefined) return false;
  // The report may arrive before the first heartbeat does.
  return worker.beats.back_ms > since_ms || state.at_ms - worker.beats.last_ms > awayAfter(worker);
}
