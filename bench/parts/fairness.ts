/**
 * What tenants get and cost: how long a small tenant waits beside a large one; claims beside none, one and many tenants, in
 * alternating rounds; and what ten times the requests of one key do to those of another.
 *
 *     node bench/parts/fairness.ts [--rounds 9] [--seconds 8]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { Monitor } from '../../server/state-machine/testing.ts';
import { startTestMonitor } from '../../test/processes/tmon.ts';
import { Caller, openMonitor } from '../../test/servers/monitor.ts';
import { median, quantile } from '../statistics.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { rounds: text, seconds: text, flood: text } });
const [rounds, seconds] = [Number(values.rounds ?? 9), Number(values.seconds ?? 8)];

const ends: (() => void | Promise<void>)[] = [];
const t = { after: (run: () => void | Promise<void>) => void ends.push(run) };

const MANY = 10_000;
const FEW = 10;

/** Hand-outs until all jobs of the small tenant have begun, over HTTP. */
async function shares(): Promise<void> {
  for (const weights of [
    [1, 1],
    [1, 4],
    [4, 1],
  ] as const) {
    const { url } = await openMonitor(t);
    const api = new TranscriptionAPI({ baseUrl: url });
    await api.tenants.put('many', { weight: weights[0] });
    await api.tenants.put('few', { weight: weights[1] });
    const submit = (tenant: string, jobs: number) =>
      api.jobs.submitBatch(Array.from({ length: jobs }, () => ({ audio_url: 's3://bucket/a.mp3', tenant })));
    for (let n = 0; n < MANY; n += 1_000) await submit('many', 1_000);
    await submit('few', FEW);
    await api.workers.register('worker-1', { capabilities: {} });
    let [handed_out, left] = [0, FEW];
    while (left > 0) {
      const [held] = (await api.workers.claim('worker-1', { max_jobs: 1 })).jobs;
      handed_out += 1;
      if (held!.job.tenant === 'few') left -= 1;
    }
    const share = FEW / (weights[1] / (weights[0] + weights[1]));
    console.log(
      `${FEW} jobs behind ${MANY}, weights ${weights[1]} to ${weights[0]}: all had begun after ${handed_out} hand-outs; ` +
        `their share says ${share}: ${(handed_out / share).toFixed(2)} (in the order of entry ${MANY + FEW}: ${((MANY + FEW) / share).toFixed(0)})`,
    );
  }
}

const WAITING = 10_000;
const CLAIMS = 2_000;

/** Microseconds of a claim and the end of its job, decided and applied, with so many tenants that wait. */
function claimsBeside(tenants: number): number {
  const monitor = new Monitor();
  monitor.register('worker-1');
  for (let n = 0; n < WAITING; n++) {
    const tenant = tenants === 0 ? {} : { tenant: `t${n % tenants}` };
    monitor.submit(`job-${n}`, tenant);
  }
  const began = process.cpuUsage();
  for (let n = 0; n < CLAIMS; n++) monitor.complete(monitor.claim('worker-1')[0]!);
  const { user, system } = process.cpuUsage(began);
  return (user + system) / CLAIMS;
}

function claims(): void {
  const kinds = [0, 1, 1_000];
  const times = new Map(kinds.map((kind) => [kind, [] as number[]]));
  for (const kind of kinds) claimsBeside(kind);
  for (let n = 0; n < rounds; n++) {
    for (const kind of n % 2 === 0 ? kinds : [...kinds].reverse()) times.get(kind)!.push(claimsBeside(kind));
  }
  const none = times.get(0)!;
  for (const kind of kinds) {
    const ratios = times.get(kind)!.map((us, n) => us / none[n]!);
    console.log(
      `claim and completion with ${kind} tenants: ${median(times.get(kind)!).toFixed(0)} µs, ${median(ratios).toFixed(2)} of without`,
    );
  }
}

/** Requests a second. */
const RATE = 10;
const LIMIT = 20;

type Flood = { url: string; key: string; per_second: number };

/** p99 of one key's submissions, in ms, while another sends `times` as many. Monitor and both loads are processes of their own. */
async function beside(times: number): Promise<number> {
  const monitor = await startTestMonitor(t, { key_requests_per_second: LIMIT });
  const { body: root } = await new Caller(monitor.url).post('/keys', { role: 'admin' });
  const admin = new Caller(monitor.url, root.key);
  const keyOf = async (tenant: string) => (await admin.post('/keys', { role: 'submit', tenant })).body.key as string;
  const flood: Flood = { url: monitor.url, key: await keyOf('busy'), per_second: times * RATE };
  const other = fork(import.meta.filename, ['--flood', JSON.stringify(flood), '--seconds', String(seconds + 1)]);
  const taken_ms: number[] = [];
  await load({ url: monitor.url, key: await keyOf('calm'), per_second: RATE }, (ms) => taken_ms.push(ms));
  await once(other, 'exit');
  await monitor.stop();
  return quantile(taken_ms, 0.99);
}

async function load({ url, key, per_second }: Flood, note: (ms: number) => void): Promise<void> {
  const caller = new Caller(url, key);
  const sent: Promise<void>[] = [];
  const from_ms = performance.now();
  for (let n = 0; n < per_second * seconds; n++) {
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(0, from_ms + (1000 * n) / per_second - performance.now())),
    );
    const began_ms = performance.now();
    const done = () => note(performance.now() - began_ms);
    sent.push(caller.post('/jobs', { audio_url: 's3://bucket/a.mp3' }).then(done));
  }
  await Promise.all(sent);
}

async function loads(): Promise<void> {
  await beside(1);
  const pairs = [];
  for (let n = 0; n < 3; n++) pairs.push([await beside(1), await beside(10)] as const);
  const [equal, ten] = [median(pairs.map(([ms]) => ms)), median(pairs.map(([, ms]) => ms))];
  console.log(
    `p99 of a key's submissions beside one that sends as many: ${equal.toFixed(1)} ms; ten times as many: ${ten.toFixed(1)} ms: ` +
      `${median(pairs.map(([one, other]) => other / one)).toFixed(2)} (${RATE} a second, ${LIMIT} allowed)`,
  );
}

if (values.flood === undefined) {
  await shares();
  claims();
  await loads();
  for (const end of ends.reverse()) await end();
} else {
  await load(JSON.parse(values.flood) as Flood, () => {});
}
