/** `tmon doctor --aws`: checks every right that the named parts need and every denial that the template promises. */
import { MonitorError } from '../../protocol/errors.ts';
import type { S3Headers } from '../objects/s3.ts';
import { BucketProbe } from './bucket-probe.ts';
import { type Caller, findCaller, Simulation } from './caller.ts';
import { type Outcome, type Right, statementFor } from './right.ts';
import { storeRights } from './store-rights.ts';
import { workerRights } from './worker-rights.ts';

export type CheckRightsOptions = {
  /** The owner of these credentials. */
  as: 'server' | 'worker';
  store?: string | undefined;
  /** Of the monitor's jobs. */
  queue?: string | undefined;
  /** Of reports. */
  source?: string | undefined;
  fleet?: string | undefined;
  /** ARN of the workers' role, to be simulated by IAM. */
  worker_role?: string | undefined;
  /** A recording that workers read. */
  audio?: string | undefined;
  s3?: S3Headers | undefined;
};

export type RightFinding = {
  check: string;
  on: string;
  /** The caller's, or the workers' role's. */
  of: 'server' | 'worker';
  needed_for: string;
  /** `skip`: cannot be determined. `unfinished`: AWS did not respond as expected. */
  verdict: 'pass' | 'warn' | 'fail' | 'skip' | 'unfinished';
  says: string;
  /** How it was found. */
  source: 'tried' | 'simulated' | null;
  hint?: string;
};

type Check = { right: Right; of: 'server' | 'worker'; simulation: Simulation };
type Closing = { close(): void };

/** Throws MonitorError('invalid') if the store is not a bucket, or the fleet's URL is wrong. */
export async function checkRights(options: CheckRightsOptions): Promise<RightFinding[]> {
  const caller = await findCaller().catch((error: Error) => noCaller(error));
  const open: Closing[] = [];
  const keep = <T extends Closing>(one: T): T => {
    open.push(one);
    return one;
  };
  try {
    const findings: RightFinding[] = [];
    for (const check of await rightsOf(options, caller, keep)) findings.push(await judge(check));
    return findings;
  } finally {
    for (const one of open) one.close();
  }
}

type Keep = <T extends Closing>(one: T) => T;

async function rightsOf(options: CheckRightsOptions, caller: Caller, keep: Keep): Promise<Check[]> {
  const { as, store, queue, source, fleet, worker_role, audio = null, s3 } = options;
  const own = keep(new Simulation(caller.principal_arn));
  const check = (rights: Right[], of: 'server' | 'worker', simulation: Simulation) =>
    rights.map((right): Check => ({ right, of, simulation }));
  const { partition } = caller;
  const probe = store === undefined ? null : keep(await BucketProbe.open(bucketUrl(store), s3));
  const all: Check[] = [];
  if (as === 'worker') {
    if (probe) all.push(...check(workerRights({ probe, partition, audio, is_caller: true }), 'worker', own));
    return all;
  }
  if (probe) all.push(...check(storeRights(probe, partition), 'server', own));
  for (const [url, carries] of [
    [queue, true],
    [source, false],
  ] as const) {
    if (url === undefined || !isSqs(url)) continue;
    const { QueueProbe } = await import('./queue-rights.ts');
    all.push(...check(await keep(new QueueProbe({ queue: url, carries })).rights(caller), 'server', own));
  }
  if (fleet !== undefined && /^(ec2|asg):/.test(fleet)) {
    const { FleetProbe } = await import('./fleet-rights.ts');
    all.push(...check(await keep(new FleetProbe(fleet, store ?? '')).rights(caller), 'server', own));
  }
  if (worker_role !== undefined && probe) {
    const role = keep(new Simulation(worker_role));
    all.push(...check(workerRights({ probe, partition, audio, is_caller: false }), 'worker', role));
  }
  return all;
}

/** A queue's bare name too; not `embedded:`, and no source of another kind. */
const isSqs = (url: string): boolean => /^(sqs|https?):/.test(url) || !url.includes(':');

function bucketUrl(store: string): string {
  if (/^s3:\/\/[^/]+/.test(store)) return store;
  throw new MonitorError('invalid', 'bad_store_url', `the store ${JSON.stringify(store)} is not in a bucket`, {
    hint: 'Use --store s3://bucket/prefix; a directory needs no rights on AWS.',
  });
}

function noCaller(cause: Error): never {
  throw new MonitorError('forbidden', 'aws_credentials', `AWS does not know the caller: ${cause.message}`, {
    hint: 'Run it where the monitor runs, with its role; `aws sts get-caller-identity` shows the identity.',
    cause,
  });
}

/** An attempt is more reliable than a simulation, which ignores the policies of buckets. */
async function judge({ right, of, simulation }: Check): Promise<RightFinding> {
  const tried = await right.attempt?.();
  const isClear = tried !== undefined && tried.is !== 'unsure';
  const outcome = isClear ? tried : await simulation.outcome(right);
  const source = outcome.is === 'unsure' || outcome.is === 'unfinished' ? null : isClear ? 'tried' : 'simulated';
  const { action, resource, needed_for } = right;
  const reported =
    outcome.is === 'unsure' && tried && 'because' in tried ? { ...outcome, because: tried.because } : outcome;
  return { check: action, on: resource, of, needed_for, source, ...verdictOn(right, reported) };
}

function verdictOn(right: Right, outcome: Outcome): Pick<RightFinding, 'verdict' | 'says' | 'hint'> {
  if (outcome.is === 'unsure') return { verdict: 'skip', says: outcome.because };
  if (outcome.is === 'unfinished') return { verdict: 'unfinished', says: outcome.because };
  if (outcome.is === right.expected) return { verdict: 'pass', says: outcome.is };
  if (right.expected === 'denied') {
    const hint = `add to the bucket's policy: ${statementFor(right)}`;
    return { verdict: 'fail', says: 'allowed, and must be denied', hint };
  }
  const lacks = 'lacks' in outcome && outcome.lacks?.action !== right.action ? outcome.lacks : undefined;
  // The other rights it needs have their own conditions.
  const missing = lacks ? { action: lacks.action, resource: lacks.resource, expected: right.expected } : right;
  return {
    verdict: right.optional ? 'warn' : 'fail',
    says: lacks ? `denied for want of ${lacks.action}` : 'denied',
    hint: `add to the role's policy: ${statementFor(missing)}`,
  };
}
