/**
 * Three monitors on a store that breaks the promise of put-if-absent once in N puts: either it is refused, or a monitor
 * detects it before an acknowledged write is lost.
 */
import { systemClock } from '../../server/clock.ts';
import type { ObjectStore } from '../../server/objects/store.ts';
import { readSegments } from '../chaos/read-journal.ts';
import { type Monitor, openMonitor } from '../servers/monitor.ts';

export type Outcome = 'refused at the start' | 'noticed in use' | 'not noticed';
export type Try = {
  outcome: Outcome;
  acknowledged: number;
  /** Acknowledged jobs that a reader of the journal does not find. */
  lost: number;
};

const MONITORS = 3;

/** `open` is called once for each monitor, and once for the reader. */
export async function tryBrokenRule(open: () => Promise<ObjectStore>, { jobs }: { jobs: number }): Promise<Try> {
  const endings: (() => void | Promise<void>)[] = [];
  const test = { after: (run: () => void | Promise<void>) => void endings.push(run) };
  const acknowledged = new Set<string>();
  let outcome: Outcome = 'not noticed';
  try {
    const starts = await Promise.allSettled(Array.from({ length: MONITORS }, () => start(test, open)));
    const monitors = starts.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    for (const each of starts) {
      if (each.status === 'rejected' && !isRefusal(each.reason)) throw each.reason;
    }
    if (monitors.length === 0) outcome = 'refused at the start';
    await Promise.all(monitors.map((monitor) => submitTo(monitor, jobs, acknowledged)));
    for (const monitor of monitors) {
      const { body } = await monitor.call('GET', '/readyz');
      if (body.halted) outcome = 'noticed in use';
    }
    if (monitors.length > 0 && monitors.length < MONITORS) outcome = 'noticed in use';
  } finally {
    for (const end of endings.reverse()) await end();
  }
  const reader = await open();
  const found = new Set(await jobsOf(reader));
  await reader.close();
  return { outcome, acknowledged: acknowledged.size, lost: [...acknowledged].filter((id) => !found.has(id)).length };
}

async function start(test: Parameters<typeof openMonitor>[0], open: () => Promise<ObjectStore>): Promise<Monitor> {
  return await openMonitor(test, {
    objects: await open(),
    clock: systemClock,
    tail_poll_ms: 20,
  });
}

function isRefusal(error: unknown): boolean {
  const { code, kind } = error as { code?: string; kind?: string };
  return code?.startsWith('store_') || kind === 'corrupt' || kind === 'refused';
}

/** Several requests at a time, until all are sent or the monitor accepts no more. */
async function submitTo(monitor: Monitor, jobs: number, acknowledged: Set<string>): Promise<void> {
  let left = jobs;
  const submitter = async () => {
    while (left-- > 0) {
      const { status, body } = await monitor.post('/jobs', { audio_url: 'https://audio.example/a.wav' });
      if (status === 201) acknowledged.add(body.job_id);
      else if (status !== 503) throw new Error(`POST /jobs: ${status} ${JSON.stringify(body)}`);
      else left = 0;
    }
  };
  await Promise.all([submitter(), submitter()]);
}

/** The segments that a restart would read: the jobs of those that follow one another from the first. */
async function jobsOf(store: ObjectStore): Promise<string[]> {
  const jobs: string[] = [];
  try {
    for await (const { events } of readSegments(store)) {
      for (const event of events) if (event.type === 'JobSubmitted') jobs.push(event.entity);
    }
  } catch {
    // The chain is broken here.
  }
  return jobs;
}
