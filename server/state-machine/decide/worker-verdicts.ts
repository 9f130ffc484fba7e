/** Verdicts on workers in a tick: records each that has changed. And what reconciliation finds of a worker's instance. */
import { judgeWorker } from '../../verdicts/judge-worker.ts';
import type { Event, WorkerEvent } from '../events.ts';
import type { WorkerRecord, WorkerVerdictRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import type { Context, Decision } from './decision.ts';
import { decideAbout } from './policies.ts';

/** `touched`: workers whose state this tick changes. */
export function decideWorkerVerdicts(
  state: State,
  touched: ReadonlySet<string>,
  { at_ms }: Pick<Context, 'at_ms'>,
): Event[] {
  const events: Event[] = [];
  for (const worker of state.tables.workers.values()) {
    if (touched.has(worker.worker_id)) continue;
    const judgement = judgeWorker(state, worker, at_ms);
    if (judgement === null || judgement.status === (worker.verdict?.status ?? 'ok')) continue;
    const { status, since_ms, reason, evidence } = judgement;
    events.push({ type: 'WorkerJudged', entity: worker.worker_id, data: { status, since_ms, reason, evidence } });
  }
  return events;
}

/** A complete listing has had no such instance for long. The policy for it is asked at once. */
export function judgeOrphaned(
  state: State,
  { worker_id, instance_id, since_ms, reason, ...acting }: CommandBody & { type: 'judge_orphaned' },
  context: Context,
): Decision {
  const worker = state.worker(worker_id);
  if (!worker || worker.state === 'TERMINATED' || worker.reported) return { events: [] };
  // It has given a sign of life since it was compared, or claims another instance.
  if (worker.instance_id !== instance_id || heardOf(worker) > since_ms) return { events: [] };
  const data = { status: 'orphaned' as const, since_ms: heardOf(worker), reason, evidence: { instance_id } };
  const known = worker.verdict?.status === 'orphaned';
  const judged: WorkerEvent = { type: 'WorkerJudged', entity: worker_id, data };
  const verdict: WorkerVerdictRecord = known ? worker.verdict! : { ...data, judged_ms: context.at_ms };
  const about = decideAbout(state, { ...worker, verdict }, acting, context);
  return { events: [...(known ? [] : [judged]), ...about] };
}

const heardOf = ({ heartbeat_ms, created_ms }: WorkerRecord): number => heartbeat_ms ?? created_ms;
