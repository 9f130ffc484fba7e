/** What must be true once every recording is transcribed; each check returns what differs. */
import { isDeepStrictEqual } from 'node:util';
import { DescribeInstancesCommand, type Instance } from '@aws-sdk/client-ec2';
import { paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { wordErrorRate } from '../../agent/engines/testing.ts';
import type { Job } from '../../protocol/job.ts';
import { S3Store } from '../../server/objects/s3.ts';
import type { JournalEvent } from '../../server/state-machine/events.ts';
import { asPrincipal } from '../aws/full-system.ts';
import { countByEntity, readJournal } from '../chaos/read-journal.ts';
import { type Cleaning, runTmon } from '../processes/tmon.ts';
import type { Recording } from './recordings.ts';
import type { Run } from './run.ts';
import { messagesIn, type System, URGENT } from './system.ts';
import { untilEqual, within } from './waiting.ts';

export type Verdict = { lost: number; doubled: number; transcripts: number; attempts: number; differences: string[] };

type Check = (run: Run, jobs: readonly Job[]) => Promise<string[]>;

/** Of words; the model tiny.en gets about a tenth wrong. */
const ERRORS_MAX = 0.3;

/** Ends the workers and the monitor. */
export async function check(t: Cleaning, run: Run): Promise<Verdict> {
  const { system, recordings, log } = run;
  const jobs = await Array.fromAsync(system.api.jobs.list());
  const differences: string[] = [];
  const transcripts = await Promise.all(recordings.map((recording) => transcriptOf(run, jobs, recording)));
  differences.push(...transcripts.filter((one) => one !== null));
  const checks: Record<string, Check> = {
    jobs: ones,
    queue,
    redis,
    views,
    analytics,
    reconciler,
    doctor: runDoctor(t),
    workers,
  };
  for (const [name, find] of Object.entries(checks)) {
    const found = await find(run, jobs).catch((error: Error) => [error.message]);
    log(`${name}: ${found.length === 0 ? 'as it should be' : `${found.length} differences`}`);
    differences.push(...found.map((one) => `${name}: ${one}`));
  }
  const code = await system.monitor.stop();
  if (code !== 0) differences.push(`the monitor stopped with exit code ${code}`);
  differences.push(...system.monitor.unasked.map((end) => `the monitor ${end}`), ...deniedIn(system));
  const events = await readEvents(system);
  const found = inJournal(events, jobs);
  differences.push(...found);
  log(`journal: ${events.length} events, ${found.length === 0 ? 'one chain' : `${found.length} differences`}`);
  const urls = jobs.map(({ input }) => input.s3_path);
  return {
    lost: transcripts.filter((one) => one !== null).length,
    doubled: urls.length - new Set(urls).size + extra(events),
    transcripts: transcripts.filter((one) => one === null).length,
    attempts: countOf(events, 'JobAssigned'),
    differences,
  };
}

const urlOf = ({ stack }: System, { name }: Pick<Recording, 'name'>): string => `${stack.outputs.Audio}${name}`;

/** Null if the recording has the transcript that it should have. */
async function transcriptOf(
  { system, recordings }: Run,
  jobs: readonly Job[],
  recording: Recording,
): Promise<string | null> {
  const job = jobs.find(({ input }) => input.s3_path === urlOf(system, recording));
  if (!job) return `${recording.name} became no job`;
  if (job.state !== 'COMPLETED')
    return `${recording.name}: its job is ${job.state}: ${job.retry_info.last_error?.message}`;
  const { text, engine } = await system.api.jobs.transcript(job.job_id);
  if (engine !== 'faster-whisper tiny.en') return `${recording.name} was transcribed by ${engine}`;
  const errors = wordErrorRate(recording.words, text);
  if (errors > ERRORS_MAX) return `${recording.name}: ${errors} of the words are wrong: ${text}`;
  const nearer = recordings.find(({ words }) => wordErrorRate(words, text) < errors);
  return nearer ? `${recording.name} has the transcript of ${nearer.name}` : null;
}

/** Each recording is one job, and nothing else is; the rules gave their options. */
async function ones({ system, recordings }: Run, jobs: readonly Job[]): Promise<string[]> {
  const expected = recordings.map((one) => urlOf(system, one));
  const actual = jobs.map(({ input }) => input.s3_path);
  const differences = [...new Set([...expected, ...actual])].flatMap((url) => {
    const count = actual.filter((one) => one === url).length;
    const wanted = expected.includes(url) ? 1 : 0;
    return count === wanted ? [] : [`${url} is ${count} jobs, not ${wanted}`];
  });
  for (const { input, priority, tags } of jobs) {
    const urgent = input.s3_path.startsWith(urlOf(system, { name: URGENT.prefix }));
    const wanted = urgent ? URGENT.options : { priority: 'normal', tags: [] };
    if (!isDeepStrictEqual({ priority, tags: [...tags] }, { ...wanted, tags: [...wanted.tags] }))
      differences.push(`${input.s3_path} has priority ${priority} and tags ${tags.join()}`);
  }
  return differences;
}

async function queue({ system }: Run): Promise<string[]> {
  const { api, stack } = system;
  await untilEqual('the queue is empty', async () => [await messagesIn(system, stack.ids.Queue!), [0, 0, 0]]);
  const main = await api.queues.main();
  const dlq = await api.queues.dlq();
  const waiting = [main, dlq].map((one) => [one.messages_visible, one.messages_inflight, one.messages_delayed]);
  const dead = await messagesIn(system, stack.ids.DeadLetterQueue!);
  const sums = [...waiting, dead].flat().reduce((sum, each) => sum + each, 0);
  return sums === 0 ? [] : [`main, dlq and SQS's dead letters have ${JSON.stringify([...waiting, dead])}`];
}

/** Ended jobs are in Redis no more. */
async function redis({ system }: Run): Promise<string[]> {
  await untilEqual('Redis has no job', async () => [await system.redis.keys('job:*'), []]);
  return [];
}

async function views({ system }: Run, jobs: readonly Job[]): Promise<string[]> {
  const expected = jobs.map(({ job_id, completed_at }) => {
    const [, day = '', hour] = /^(.+)T(\d\d)/.exec(completed_at!)!;
    return `jobs/completed/${day.replaceAll('-', '/')}/hour=${hour}/${job_id}.json`;
  });
  await untilEqual('jobs/ has what ended', async () => [await keysIn(system, 'jobs/'), expected.sort()]);
  const transcripts = jobs.map(({ job_id }) => `transcripts/${job_id}.json`).sort();
  const stored = await keysIn(system, 'transcripts/');
  return isDeepStrictEqual(stored, transcripts) ? [] : [`transcripts/ has ${stored.join()}`];
}

async function keysIn({ s3, stack }: System, folder: string): Promise<string[]> {
  const keys: string[] = [];
  const place = { Bucket: stack.ids.Bucket!, Prefix: `tmon/${folder}` };
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, place))
    keys.push(...Contents.map(({ Key }) => Key!.slice('tmon/'.length)));
  return keys.sort();
}

async function analytics({ system }: Run, jobs: readonly Job[]): Promise<string[]> {
  const { total } = await system.api.analytics.costs();
  const { total: throughput } = await system.api.analytics.throughput({ group_by: 'worker' });
  const cost = jobs.reduce((sum, { cost_tracking }) => sum + Math.round((cost_tracking.actual_cost_usd ?? 0) * 1e6), 0);
  const actual = [
    total.jobs_completed,
    throughput.jobs_completed,
    total.unpriced_attempts,
    Math.round(total.cost_usd * 1e6),
  ];
  const expected = [jobs.length, jobs.length, 0, cost];
  if (cost === 0) return ['the jobs cost nothing'];
  return isDeepStrictEqual(actual, expected)
    ? []
    : [`completed (twice), unpriced, cost are ${actual}, not ${expected}`];
}

async function reconciler({ system }: Run): Promise<string[]> {
  const { orphaned, missing, unconfirmed } = await system.api.workers.reconcile();
  return [...orphaned, ...missing, ...unconfirmed].map((one) => JSON.stringify(one));
}

/** On the store that the monitor uses meanwhile. */
function runDoctor(t: Cleaning): Check {
  return async ({ system }) => {
    const { stack, proxy } = system;
    const args = ['doctor', '--store', stack.outputs.Store!, '--json'];
    const { code, stdout, stderr } = await runTmon(t, args, { environment: asPrincipal(proxy, 'server') });
    return code === 0 ? [] : [`exit code ${code}: ${stdout}${stderr}`];
  };
}

async function workers(run: Run): Promise<string[]> {
  const { system } = run;
  const ids = run.workers.map(({ instance_id }) => instance_id).sort();
  const running = (await instancesIn(system)).filter(({ State }) => State?.Name === 'running');
  const launched = running.map(({ InstanceId }) => InstanceId!).sort();
  const differences = isDeepStrictEqual(launched, ids) ? [] : [`instances ${launched} run, of workers on ${ids}`];
  for (const { worker_id } of run.workers) await system.api.workers.terminate(worker_id);
  await untilEqual('every instance is terminated', async () => {
    const states = (await instancesIn(system)).map(({ State }) => State?.Name);
    return [states, states.map(() => 'terminated')];
  });
  for (const { worker_id, agent } of run.workers) {
    const { code, stderr } = await within(`the agent of ${worker_id} ends`, agent.ended);
    if (code !== 0) differences.push(`the agent of ${worker_id} ended with ${code}: ${stderr.slice(-2000)}`);
    const { state } = await system.api.workers.get(worker_id);
    if (state !== 'TERMINATED') differences.push(`${worker_id} is ${state}`);
  }
  return [...differences, ...(await reconciler(run))];
}

async function instancesIn({ ec2 }: System): Promise<Instance[]> {
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}));
  return Reservations.flatMap(({ Instances = [] }) => Instances);
}

function deniedIn({ proxy }: System): string[] {
  const denied = proxy.seen.filter(({ allowed }) => !allowed);
  return [...new Set(denied.map(({ by, action, resource }) => `${by} was denied ${action} on ${resource}`))];
}

/** After the monitor has stopped. Throws unless the segments form a chain. */
async function readEvents({ stack }: System): Promise<JournalEvent[]> {
  const store = await S3Store.open({ bucket: stack.ids.Bucket!, prefix: 'tmon', client: stack.client });
  try {
    return await readJournal(store);
  } finally {
    await store.close();
  }
}

const ONCE = ['JobSubmitted', 'JobCompleted'] as const;

function inJournal(events: readonly JournalEvent[], jobs: readonly Job[]): string[] {
  return ONCE.flatMap((type) => {
    const counts = countByEntity(events, type);
    const wrong = jobs
      .filter(({ job_id }) => counts.get(job_id) !== 1)
      .map(({ job_id }) => `${job_id}: ${counts.get(job_id) ?? 0}`);
    return counts.size === jobs.length && wrong.length === 0
      ? []
      : [`${type} of ${counts.size} jobs; ${wrong.join(', ')}`];
  });
}

const countOf = (events: readonly JournalEvent[], wanted: JournalEvent['type']): number =>
  events.filter(({ type }) => type === wanted).length;

const extra = (events: readonly JournalEvent[]): number =>
  countOf(events, 'JobCompleted') - countByEntity(events, 'JobCompleted').size;
