/**
 * Purges and redrives jobs in commits of PART_JOBS: deciding and applying 10,000 at once would block everything else.
 *
 * The last part has the command's own id, the others that id and their number. A request repeated with its key finds
 * either the last part, and is complete, or only earlier ones, and continues after them. The jobs of each part are
 * remembered with it, so the response lists exactly those.
 */
import type { JobFilter } from '../../../protocol/queue.ts';
import type { Engine } from '../../engine.ts';
import type { Command, CommandBody } from '../../state-machine/decide/commands.ts';
import { BULK_MAX, selectingJobs } from '../../state-machine/decide/queues.ts';
import type { State } from '../../state-machine/state/state.ts';

export const PART_JOBS = 1_000;

type BulkBody = CommandBody & { type: 'purge_queue' | 'redrive' };

/** Returns the ids of the affected jobs, in order. */
export async function submitInParts(
  engine: Pick<Engine, 'state' | 'submit'>,
  command: Command & { body: BulkBody },
): Promise<string[]> {
  const { body } = command;
  const taken: string[] = [];
  const submit = async (id: string, filter: JobFilter) => {
    const { refs } = await engine.submit({ ...command, id, body: { ...body, filter } });
    for (const [, job_id] of refs) taken.push(job_id);
    // A fast store would otherwise leave no turn of the event loop to other requests.
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const isKnown = (id: string) => engine.state.tables.commands.has(id);
  let part = 1;
  const nextId = () => `${command.id}-${part}`;
  for (; isKnown(nextId()); part++) await submit(nextId(), body.filter);
  if (isKnown(command.id)) {
    await submit(command.id, body.filter);
    return taken;
  }
  const left = (await selectInTurns(engine.state, body)).slice(0, BULK_MAX - taken.length);
  for (; left.length > PART_JOBS; part++) {
    await submit(nextId(), { ...body.filter, job_ids: left.splice(0, PART_JOBS) });
  }
  await submit(command.id, { ...body.filter, job_ids: left });
  return taken;
}

/** Between two looks at the clock. */
const JOBS_AT_ONCE = 64;
const TURN_MS = 8;

/** Ids of the jobs that the command applies to now, oldest first; found in short turns of the event loop. */
export async function selectInTurns(now: State, body: BulkBody): Promise<string[]> {
  const job_ids: string[] = [];
  let seen = 0;
  let until_ms = performance.now() + TURN_MS;
  for (const job of selectingJobs(now.clone(), body)) {
    if (job !== null) job_ids.push(job.job_id);
    seen += 1;
    if (seen % JOBS_AT_ONCE !== 0 || performance.now() < until_ms) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    until_ms = performance.now() + TURN_MS;
  }
  return job_ids;
}
