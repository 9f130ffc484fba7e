/**
 * The run: recordings are put into the bucket, workers are launched, and the monitor is killed meanwhile and started again. Nobody submits
 * a job; what must be true at the end is in checks.ts.
 */
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { PACKAGED_FASTER_WHISPER } from '../../agent/engines/faster-whisper.ts';
import { engineEnvironment } from '../../agent/engines/private-python.ts';
import type { Job } from '../../protocol/job.ts';
import { StateAPI } from '../../sdk/typescript/index.ts';
import { asPrincipal } from '../aws/full-system.ts';
import type { Cleaning, Program } from '../processes/tmon.ts';
import { Chance } from '../simulation/chance.ts';
import { AIMS, type Aim, aimAt } from './aims.ts';
import { bootWorker, type LaunchedWorker } from './launched-worker.ts';
import { makeRecordings, type Recording } from './recordings.ts';
import { messagesIn, openSystem, type System } from './system.ts';
import { until, untilEqual, within } from './waiting.ts';

/** Takes the output of a program, for who looks for the cause of something. */
export type Keep = (name: string, program: Program) => void;

export type RunOptions = {
  kills: number;
  recordings: number;
  seed: number;
  log: (line: string) => void;
  keep: Keep;
};

export type Run = {
  system: System;
  recordings: readonly Recording[];
  workers: LaunchedWorker[];
  log: (line: string) => void;
  keep: Keep;
};

/** moto's own price is so low that a job costs nothing. */
const HOURLY_PRICE = 0.158;
const KILLS_FIRST = 5;
/** Of no use to a recogniser: no job may come of them. */
const OTHERS = ['notes.txt', 'list.json', 'empty-folder/'];

/** Until every recording has been transcribed. Leaves the monitor and the workers running. */
export async function play(t: Cleaning, { kills, recordings: count, seed, log, keep }: RunOptions): Promise<Run> {
  const chance = new Chance(seed);
  const { python } = await engineEnvironment('faster-whisper');
  const recordings = await makeRecordings(t, { python, count });
  const system = await openSystem(t, { engine: PACKAGED_FASTER_WHISPER, keep });
  const run: Run = { system, recordings, workers: [], log, keep };
  const left = [...recordings];
  await system.monitor.start();
  log(`the monitor serves: ${system.stack.outputs.ServeCommand}`);
  for (const name of OTHERS) await put(system, name, Buffer.from('none'));
  await drop(run, left.splice(0, 1));
  const first = await showWaitingJob(run);
  const states = statesOf(system);
  await launch(t, run);

  for (const [index, aim] of aims(chance, kills).entries()) {
    const side = chance.pick(aim.sides);
    const shot = aimAt(system.proxy, aim, { side, passing: chance.whole(0, aim.passing ?? 0) });
    const launching = aim.needs === 'worker' ? launch(t, run) : null;
    launching?.catch(() => {}); // It is awaited below.
    // One recording at least for each kill to come.
    const spare = chance.whole(0, Math.max(0, left.length - (kills - index)));
    if (!launching) await drop(run, left.splice(0, 1 + spare));
    await within(aim.name, shot.hit);
    await system.monitor.kill();
    shot.release();
    log(`kill ${index + 1}: while ${aim.name} (${aim.action ?? 'any request'}, ${side})`);
    const seen = await states.getJobState(first);
    log(`without the monitor ${first} is ${seen.state}`);
    await system.monitor.start();
    await launching;
  }
  await drop(run, left);
  await showHeldJob(run);
  await finish(run);
  return run;
}

/** The first ones in another order, then the others in another order, and all again. */
function aims(chance: Chance, kills: number): Aim[] {
  const found: Aim[] = [];
  while (found.length < kills) {
    found.push(...shuffled(chance, AIMS.slice(0, KILLS_FIRST)), ...shuffled(chance, AIMS.slice(KILLS_FIRST)));
  }
  return found.slice(0, kills);
}

function shuffled<T>(chance: Chance, from: readonly T[]): T[] {
  const left = [...from];
  return from.map(() => left.splice(chance.whole(0, left.length - 1), 1)[0]!);
}

async function drop(run: Run, recordings: readonly Recording[]): Promise<void> {
  for (const { name, bytes } of recordings) {
    await put(run.system, name, bytes);
    run.log(`dropped ${name}, ${bytes.length} bytes`);
  }
}

async function put({ s3, stack }: System, name: string, Body: Buffer): Promise<void> {
  await s3.send(new PutObjectCommand({ Bucket: stack.ids.Bucket, Key: `audio/${name}`, Body }));
}

async function launch(t: Cleaning, run: Run): Promise<void> {
  const { api, ec2, proxy, stack } = run.system;
  const worker = await within('a worker is launched', api.workers.launch({ location: { spot_price: HOURLY_PRICE } }));
  // Whatever the stack lets the recogniser fetch, it fetches nothing.
  const environment = { ...asPrincipal(proxy, 'worker'), HF_HUB_OFFLINE: '1' };
  const launched = await bootWorker(t, { worker, ec2, stack: stack.stack, environment, keep: run.keep });
  run.workers.push(launched);
  run.log(`launched ${launched.worker_id} as ${launched.instance_id}`);
  await within(`${launched.worker_id} is ready`, launched.agent.line(/ ready /));
}

/** Before there is a worker: the job of the first recording waits, and readers of Redis see it. */
async function showWaitingJob({ system, log }: Run): Promise<string> {
  const job = await until('the first recording is a job with a message', async () => {
    const [found] = await Array.fromAsync(system.api.jobs.list());
    return found?.state_history.some(({ details }) => details === 'Message in SQS queue') ? found : undefined;
  });
  await cacheFollows(system, job.job_id);
  log(`${job.job_id} waits, and is in Redis as the monitor has it`);
  return job.job_id;
}

/** Reads Redis and the bucket. */
function statesOf({ redis, s3, stack }: System): StateAPI {
  const getObject = (key: string) =>
    s3.send(new GetObjectCommand({ Bucket: stack.ids.Bucket, Key: `tmon/${key}` })).then(
      ({ Body }) => Body!.transformToString(),
      (error: Error) => {
        if (error.name === 'NoSuchKey') return null;
        throw error;
      },
    );
  return new StateAPI({ redis, s3: { getObject } });
}

async function showHeldJob({ system, log }: Run): Promise<void> {
  const held = await until('a worker holds a job', async () => {
    const jobs = await Array.fromAsync(system.api.jobs.list());
    return jobs.find(({ state }) => state === 'PROCESSING') ?? (jobs.every(hasEnded) ? null : undefined);
  });
  if (!held) return;
  await cacheFollows(system, held.job_id);
  log(`${held.job_id} runs, and is in Redis as the monitor has it`);
}

/** It may change between the two looks, and then once more, but not for ever. */
export function cacheFollows({ redis, api }: System, job_id: string): Promise<void> {
  return untilEqual(`${job_id} is in Redis as the monitor has it`, async () => {
    const cached = JSON.parse((await redis.get(`job:${job_id}`)) ?? 'null');
    const job = await api.jobs.get(job_id);
    return [cached, hasEnded(job) ? null : job];
  });
}

const hasEnded = ({ completed_at }: Pick<Job, 'completed_at'>): boolean => completed_at !== null;

async function finish({ system, recordings, log }: Run): Promise<void> {
  let ended = 0;
  await until('every job has ended', async () => {
    if (system.monitor.unasked.length > 0) throw new Error(`the monitor ${system.monitor.unasked[0]}`);
    // Looked at first: what has no message any more is a job, or lost.
    const messages = await messagesIn(system, system.stack.ids.Queue!);
    const nothing_comes = messages.every((count) => count === 0);
    const jobs = await Array.fromAsync(system.api.jobs.list());
    const now = jobs.filter(hasEnded).length;
    if (now > ended) log(`${now} of ${recordings.length} jobs have ended`);
    ended = now;
    return ((nothing_comes || jobs.length >= recordings.length) && ended === jobs.length) || undefined;
  });
}
