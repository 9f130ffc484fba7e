/**
 * What keys cost: the processor time of submissions, claims, reports and completions over HTTP, client included, with keys
 * and without, in alternating rounds; and whether the time of a refusal shows that a key exists, by Welch's t-test.
 *
 *     node bench/parts/keys.ts [--rounds 15] [--jobs 300] [--tries 20000]
 */
import { parseArgs } from 'node:util';
import { formatKey, parseKey } from '../../protocol/key.ts';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { Access } from '../../server/access/access.ts';
import { systemClock } from '../../server/clock.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import { TestMonitor } from '../../server/views/testing-monitor.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { median } from '../statistics.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { rounds: text, jobs: text, tries: text } });
const [rounds, jobs, tries] = [Number(values.rounds ?? 15), Number(values.jobs ?? 300), Number(values.tries ?? 20_000)];

const ends: (() => void | Promise<void>)[] = [];
const t = { after: (run: () => void | Promise<void>) => void ends.push(run) };

async function throughput(): Promise<void> {
  const [open, keyed] = [await openMonitor(t), await openMonitor(t)];
  const { body } = await keyed.post('/keys', { role: 'admin' });
  const sides = {
    without: new TranscriptionAPI({ baseUrl: open.url }),
    with: new TranscriptionAPI({ baseUrl: keyed.url, apiKey: body.key }),
  };
  const times = { without: [] as number[], with: [] as number[] };
  for (const api of Object.values(sides)) await round(api);
  for (let n = 0; n < rounds; n++) {
    const order = n % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const);
    for (const side of order) times[side].push(await round(sides[side]));
  }
  const ratios = times.with.map((ms, n) => times.without[n]! / ms);
  console.log(`without keys ${rate(times.without)} jobs a second of processor time, with keys ${rate(times.with)}`);
  console.log(`with keys ${median(ratios).toFixed(3)} of without (median of ${rounds} pairs)`);
}

const rate = (ms: number[]): string => ((jobs / median(ms)) * 1000).toFixed(0);

/** Milliseconds of processor time for jobs from submission to completion, 16 at a time. */
async function round(api: TranscriptionAPI): Promise<number> {
  await api.workers.register('worker-1', { capabilities: {} });
  const began = process.cpuUsage();
  let left = jobs;
  const run = async () => {
    while (left-- > 0) {
      await api.jobs.submit({ audio_url: 's3://bucket/audio.mp3' });
      const [held] = (await api.workers.claim('worker-1', { max_jobs: 1 })).jobs;
      if (!held) continue;
      const lease_token = held.lease.token;
      await api.jobs.reportProgress(held.job.job_id, { lease_token, percentage: 50 });
      const output = { s3_path: 's3://bucket/out.json', segments_count: 1, confidence_score: null };
      await api.jobs.complete(held.job.job_id, { lease_token, output });
    }
  };
  await Promise.all(Array.from({ length: 16 }, run));
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

async function refusals(): Promise<void> {
  const monitor = await TestMonitor.open({ store: new MemoryStore(systemClock), clock: systemClock });
  t.after(() => monitor.stop());
  const access = new Access({ engine: monitor.engine, clock: systemClock, pepper: null, admin_key_hash: null });
  t.after(() => access.close());
  const { key, key_id, secret_hash } = access.newSecret();
  const limits = { tags: null, worker_id: null, tenant: null, expires_ms: null };
  const made = { key_id, role: 'admin', name: '', ...limits, secret_hash, by: 'bench' } as const;
  await monitor.do({ type: 'create_key', ...made, outside_admin: false });
  const { secret } = parseKey(access.newSecret().key)!;
  const wrong_secret = formatKey({ id: parseKey(key)!.id, secret });
  const wrong_id = formatKey({ id: parseKey(access.newSecret().key)!.id, secret });
  const samples = { wrong_id: [] as number[], wrong_secret: [] as number[] };
  for (let n = 0; n < tries + 2_000; n++) {
    for (const [name, tried] of n % 2 === 0
      ? ([
          ['wrong_id', wrong_id],
          ['wrong_secret', wrong_secret],
        ] as const)
      : ([
          ['wrong_secret', wrong_secret],
          ['wrong_id', wrong_id],
        ] as const)) {
      const began_ns = process.hrtime.bigint();
      try {
        access.authenticate(tried);
      } catch {
        // Both are refused.
      }
      // The first are compiled on the way.
      if (n >= 2_000) samples[name].push(Number(process.hrtime.bigint() - began_ns));
    }
  }
  const [a, b] = [trimmed(samples.wrong_id), trimmed(samples.wrong_secret)];
  const value = (mean(a) - mean(b)) / Math.sqrt(variance(a) / a.length + variance(b) / b.length);
  console.log(`wrong id ${mean(a).toFixed(0)} ns, wrong secret ${mean(b).toFixed(0)} ns: t = ${value.toFixed(2)}`);
}

/** Without the slowest twentieth: pauses of the process. */
const trimmed = (ns: number[]): number[] => [...ns].sort((a, b) => a - b).slice(0, Math.floor(ns.length * 0.95));
const mean = (ns: readonly number[]): number => ns.reduce((sum, one) => sum + one, 0) / ns.length;
const variance = (ns: readonly number[]): number => {
  const middle = mean(ns);
  return ns.reduce((sum, one) => sum + (one - middle) ** 2, 0) / (ns.length - 1);
};

try {
  await throughput();
  await refusals();
} finally {
  for (const end of ends.reverse()) await end();
}
