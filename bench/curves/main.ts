/**
 * How the cost of operations grows with the number of waiting jobs: `npm run bench -- curves [--jobs 1000,10000,100000,1000000]
 * [--runs 40] [--dir FOLDER] [--json FILE]`. Wall time (p50, p99), CPU of the monitor a run, and the longest turn of its event
 * loop without garbage collection; the exponent is that of the CPU between the last two numbers of jobs.
 */
import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { inFolder } from '../servers/server.ts';
import { startWatchedMonitor } from '../servers/watched-monitor.ts';
import { quantile } from '../statistics.ts';
import { type Call, callerOf, type Filled, OPERATIONS, WORKER } from './operations.ts';

type Monitor = Awaited<ReturnType<typeof startWatchedMonitor>>;
type Row = { name: string; jobs: number; p50_ms: number; p99_ms: number; cpu_ms: number; longest_turn_ms: number };

const text = { type: 'string' } as const;
const { values } = parseArgs({ allowPositionals: true, options: { jobs: text, runs: text, dir: text, json: text } });
const sizes = (values.jobs ?? '1000,10000,100000,1000000').split(',').map(Number);
const runs = Number(values.runs ?? 40);
const BATCH = 1_000;
const RARELY = 4;

await inFolder(values.dir ?? tmpdir(), async (folder) => {
  const monitor = await startWatchedMonitor(folder);
  const { url } = monitor;
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const call = callerOf(url, agent);
  await call('PUT', `/workers/${WORKER}`, { capabilities: { model: 'tiny' }, location: {} });
  const rows: Row[] = [];
  let filled: Filled = { count: 0, some_ids: [], deep_cursor: '' };
  for (const size of sizes) {
    await monitor.reset();
    filled = await fill(call, filled, size);
    const { cpu_ms, longest_ms, rss_bytes } = await monitor.reset();
    console.log(
      `${size} jobs: filled with ${cpu_ms.toFixed(0)} ms of CPU, longest turn ${longest_ms.toFixed(0)} ms; ${(rss_bytes / 1e6).toFixed(0)} MB`,
    );
    for (const operation of OPERATIONS) rows.push(await measure(operation, { monitor, call, filled, size }));
  }
  print(rows);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  agent.destroy();
  await monitor.stop();
});

async function fill(call: Call, before: Filled, size: number): Promise<Filled> {
  const some_ids: string[] = [];
  for (let n = before.count; n < size; n += BATCH) {
    const jobs = Array.from({ length: Math.min(BATCH, size - n) }, (_, i) => ({
      audio_url: `s3://recordings/2026/11/28/call-${n + i}.mp3`,
      tags: ['calls', `customer-${(n + i) % 997}`],
      metadata: { campaign: `autumn-${(n + i) % 31}` },
    }));
    const { jobs: submitted } = await call('POST', '/jobs/batch', { jobs });
    some_ids.push(submitted[0].job.job_id);
  }
  // A page near the end of the list: the cursor of the oldest of these jobs but a few.
  const oldest = before.some_ids[0] ?? some_ids[0]!;
  const { items } = await call('GET', '/jobs?limit=1');
  const { next_cursor } = await call('GET', '/jobs?limit=1000');
  return { count: size, some_ids: [oldest, ...some_ids, items[0].job_id], deep_cursor: cursorAt(next_cursor) };
}

/** The cursor of the list, moved to the 200 oldest jobs. */
function cursorAt(cursor: string): string {
  const { seq } = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  return Buffer.from(JSON.stringify({ ordinal: 200, seq })).toString('base64url');
}

async function measure(
  { name, rarely, run }: (typeof OPERATIONS)[number],
  { monitor, call, filled, size }: { monitor: Monitor; call: Call; filled: Filled; size: number },
): Promise<Row> {
  // Once before, so that what is read at first and kept is not part of it.
  await run(call, filled, 0);
  const count = rarely ? RARELY : runs;
  await monitor.reset();
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const began_ms = performance.now();
    await run(call, filled, n);
    times.push(performance.now() - began_ms);
  }
  const { cpu_ms, longest_ms } = await monitor.reset();
  const [p50_ms, p99_ms] = [quantile(times, 0.5), quantile(times, 0.99)];
  return { name, jobs: size, p50_ms, p99_ms, cpu_ms: cpu_ms / count, longest_turn_ms: longest_ms };
}

function print(rows: readonly Row[]): void {
  console.log(`\n| operation | ${sizes.map((size) => `${size}: p50 / p99, CPU, turn (ms)`).join(' | ')} | exponent |`);
  console.log(`|---|${sizes.map(() => '---').join('|')}|---|`);
  for (const { name } of OPERATIONS) {
    const of = sizes.map((size) => rows.find((row) => row.name === name && row.jobs === size)!);
    const cells = of.map(
      ({ p50_ms, p99_ms, cpu_ms, longest_turn_ms }) =>
        `${p50_ms.toFixed(1)} / ${p99_ms.toFixed(1)}, ${cpu_ms.toFixed(2)}, ${longest_turn_ms.toFixed(0)}`,
    );
    const [before, last] = of.slice(-2);
    const exponent = last && before && Math.log(last.cpu_ms / before.cpu_ms) / Math.log(last.jobs / before.jobs);
    console.log(`| ${name} | ${cells.join(' | ')} | ${exponent === undefined ? '' : exponent.toFixed(2)} |`);
  }
}
