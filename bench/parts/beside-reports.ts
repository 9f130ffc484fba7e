/**
 * The latency of requests to the monitor while reports run beside them: a monitor on a directory whose column files
 * have a year of jobs, a steady load of submissions, claims and reads, and windows of time without and with reports,
 * which take turns.
 *
 *     node bench/parts/beside-reports.ts [--jobs 10000000] [--pairs 8] [--seconds 8] [--rate 100] [--dir FOLDER] [--keep FOLDER] [--checkout OTHER]
 *
 * `--rate`: requests a second, sent when they are due whether or not others have completed; a late response counts from
 * when its request was due. `--checkout`: another checkout's monitor.
 */
import { createHash } from 'node:crypto';
import { link, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DAY_MS, formatTime } from '../../protocol/time.ts';
import { columnKey } from '../../server/analytics/columns/keys.ts';
import { newUlid } from '../../server/ids.ts';
import type { ColumnFile } from '../../server/state-machine/state/records.ts';
import { submitOwn } from '../../server/views/own-command.ts';
import { SEGMENTS, TRANSCRIPT_URL } from '../clients/client.ts';
import { startMonitorProcess } from '../servers/monitor.ts';
import { median, quantile } from '../statistics.ts';
import { openEngine, submission } from './fill-store.ts';
import { FIRST_DAY, type GeneratedFiles, keptJobs } from './generate-jobs.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { jobs: text, days: text, pairs: text, seconds: text, rate: text, dir: text, keep: text, checkout: text },
});
const [jobs, days, pairs, seconds, rate] = [
  Number(values.jobs ?? 10_000_000),
  Number(values.days ?? 365),
  Number(values.pairs ?? 8),
  Number(values.seconds ?? 8),
  Number(values.rate ?? 100),
];
const ACTIVE_JOBS = 2_000;
const WORKER = '/api/v1/workers/worker-1';
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** The files under the names that the journal then gives them. */
async function fillStore(store: string, { job_states, job_attempts }: GeneratedFiles): Promise<void> {
  const { engine, close } = await openEngine(`dir:${store}`);
  const files: ColumnFile[] = [];
  for (const [day, path] of job_states.entries()) {
    const paths = { job_states: path, job_attempts: job_attempts[day]! };
    const sha256 = { job_states: await hashOf(path), job_attempts: await hashOf(paths.job_attempts) };
    const file = { name: newUlid(), day: FIRST_DAY / DAY_MS + day, rows: Math.round(jobs / days), sha256 };
    for (const table of ['job_states', 'job_attempts'] as const) {
      const to = join(store, columnKey(table, file));
      await mkdir(dirname(to), { recursive: true });
      await link(paths[table], to);
    }
    files.push(file);
  }
  const basis_seq = engine.state.scalars.archive_seq;
  const command = {
    type: 'write_columns',
    basis_seq,
    made_ms: engine.journal.now(),
    packs: [],
    replaces: [],
    strays: [],
    files,
  } as const;
  await submitOwn(engine, command);
  if (engine.state.tables.column_files.size !== files.length)
    throw new Error('the journal did not accept the column files');
  await close();
}

async function hashOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

async function measure(url: string): Promise<void> {
  const load = new Load(url);
  await load.prepare();
  const range = `from=${formatTime(FIRST_DAY)}&to=${formatTime(FIRST_DAY + days * DAY_MS)}`;
  const reports = ['costs?', 'durations?group_by=model&', 'bottlenecks?', 'failures?'].map(
    (report) => `/api/v1/analytics/${report}${range}`,
  );
  say('fetching column files');
  const { body } = await ask(url, 'GET', reports[0]!);
  say(`a report of ${(body.total as { jobs_completed: number }).jobs_completed.toLocaleString('en')} completed jobs`);
  await load.run(seconds);
  const ratios: number[] = [];
  for (let pair = 1; pair <= pairs; pair++) {
    const parts = new Map<boolean, number[]>();
    let done = 0;
    for (const withReports of pair % 2 === 0 ? [true, false] : [false, true]) {
      let running = withReports;
      const beside = (async () => {
        while (running) {
          await ask(url, 'GET', reports[done % reports.length]!);
          done += 1;
        }
      })();
      parts.set(withReports, await load.run(seconds));
      running = false;
      await beside;
    }
    const [without, beside] = [parts.get(false)!, parts.get(true)!];
    ratios.push(quantile(beside, 0.99) / quantile(without, 0.99));
    say(
      `pair ${pair}: p50 ${ms(without, 0.5)} and ${ms(beside, 0.5)} ms, p99 ${ms(without, 0.99)} and ${ms(beside, 0.99)} ms, ratio ${ratios.at(-1)!.toFixed(2)}, ${done} reports`,
    );
  }
  say(
    `p99 beside reports to p99 without: median ${median(ratios).toFixed(2)} of ${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}`,
  );
}

/** Of four requests one submits a job, one claims one or completes the previous one, and two read one. */
class Load {
  readonly #url: string;
  readonly #ids: string[] = [];
  readonly #held: { job_id: string; lease_token: string }[] = [];
  #sent = 0;

  constructor(url: string) {
    this.#url = url;
  }

  async prepare(): Promise<void> {
    await ask(this.#url, 'PUT', WORKER, { capabilities: {}, location: {} });
    for (let n = 0; n < ACTIVE_JOBS; n += 100)
      await Promise.all(Array.from({ length: 100 }, (_, at) => this.#submit(n + at)));
  }

  /** The duration of each request, in milliseconds. */
  async run(for_s: number): Promise<number[]> {
    const began_ms = performance.now();
    const taken: Promise<number>[] = [];
    const total = for_s * rate;
    while (taken.length < total) {
      const due_ms = began_ms + (taken.length * 1000) / rate;
      const wait_ms = due_ms - performance.now();
      if (wait_ms > 0) await new Promise((done) => setTimeout(done, wait_ms));
      taken.push(this.#next().then(() => performance.now() - due_ms));
    }
    return Promise.all(taken);
  }

  #next(): Promise<unknown> {
    this.#sent += 1;
    const id = this.#ids[(this.#sent * 7919) % this.#ids.length]!;
    if (this.#sent % 4 === 0) return this.#submit(this.#sent);
    if (this.#sent % 4 === 2) return this.#claimOrComplete();
    return ask(this.#url, 'GET', `/api/v1/jobs/${id}`);
  }

  async #submit(n: number): Promise<void> {
    const { body } = await ask(this.#url, 'POST', '/api/v1/jobs', submission(n));
    this.#ids.push(String(body.job_id));
  }

  async #claimOrComplete(): Promise<void> {
    const held = this.#held.pop();
    if (held) {
      const { job_id, lease_token } = held;
      await ask(this.#url, 'POST', `/api/v1/jobs/${job_id}/complete`, {
        lease_token,
        output: { s3_path: TRANSCRIPT_URL, segments_count: SEGMENTS },
      });
      return;
    }
    const { body } = await ask(this.#url, 'POST', `${WORKER}/claim`, { max_jobs: 1, wait_seconds: 0 });
    for (const { job, lease } of body.jobs as { job: { job_id: string }; lease: { token: string } }[]) {
      this.#held.push({ job_id: job.job_id, lease_token: lease.token });
    }
  }
}

type JsonResponse = { body: Record<string, unknown> };

function ask(url: string, method: string, path: string, body?: object): Promise<JsonResponse> {
  return new Promise((done, failed) => {
    const sent = request(new URL(path, url), {
      method,
      agent,
      headers: body ? { 'content-type': 'application/json' } : {},
    });
    sent.on('error', failed);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        if (response.statusCode! >= 400)
          failed(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 500)}`));
        else done({ body: JSON.parse(text) });
      });
    });
    sent.end(body && JSON.stringify(body));
  });
}

function ms(taken: readonly number[], part: number): string {
  return quantile(taken, part).toFixed(1);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const folder = await mkdtemp(join(values.dir ?? tmpdir(), 'tmon-bench-beside-'));
try {
  const cache = values.keep ?? join(folder, 'generated');
  await mkdir(cache, { recursive: true });
  const files = await keptJobs(cache, { jobs, days, seed: 7 });
  await fillStore(join(folder, 'store'), files);
  const settings = ['--analytics-cache', join(folder, 'cache'), '--analytics-timeout-ms', '600000'];
  const checkout = values.checkout === undefined ? {} : { checkout: resolve(values.checkout) };
  const server = await startMonitorProcess(folder, { settings, ...checkout });
  try {
    await measure(server.url);
  } finally {
    await server.stop();
  }
} finally {
  agent.destroy();
  await rm(folder, { recursive: true, force: true });
}
