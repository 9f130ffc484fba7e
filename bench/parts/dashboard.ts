/**
 * `node bench/parts/dashboard.ts [--seconds 60] [--rate 500]`: the dashboard in a fresh Chromium: what the first view loads, when it is
 * usable, and what happens to the page while the fleet reports progress: tasks of its main thread over 100 ms, by Chromium's own
 * tracing, and its heap after collection.
 */
import { parseArgs } from 'node:util';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { sleep, systemClock } from '../../server/clock.ts';
import { openBrowser, openPage } from '../../test/browser/browser.ts';
import { type Cleaning, startTestMonitor } from '../../test/processes/tmon.ts';

const JOBS = 200;
const BATCHES_PER_SECOND = 10;
const LONG_MS = 100;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, rate: { type: 'string', default: '500' } },
});
const [seconds, rate] = [Number(values.seconds), Number(values.rate)];
const cleaning: (() => void | Promise<void>)[] = [];
const t: Cleaning = { after: (run) => void cleaning.unshift(run) };
try {
  await buildDashboard();
  const monitor = await startTestMonitor(t, { lease_ms: 3_600_000, worker_lost_ms: 3_600_000 });
  const api = new TranscriptionAPI({ baseUrl: monitor.url, transport: 'websocket' });
  t.after(() => api.close());
  const held = await holdJobs(api);
  const browser = await openBrowser(t);
  const page = await openPage(t, browser, monitor.url);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  const sizes = new Map<string, number>();
  const scripts = new Set<string>();
  session.on('Network.responseReceived', ({ requestId, type }) => void (type === 'Script' && scripts.add(requestId)));
  session.on(
    'Network.loadingFinished',
    ({ requestId, encodedDataLength }) => void sizes.set(requestId, encodedDataLength),
  );
  const began = performance.now();
  await page.goto('/');
  await page.getByRole('heading', { name: 'Running' }).waitFor();
  await page.getByRole('row').nth(1).waitFor();
  const usable_ms = performance.now() - began;
  const loaded = [...scripts].reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0);
  console.log(`first view: ${(loaded / 1000).toFixed(0)} kB of scripts, usable after ${usable_ms.toFixed(0)} ms`);

  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize / 1e6;
  };
  await report(api, held, { seconds: 5, rate });
  const before = await heap();
  await browser.startTracing(page, { categories: ['devtools.timeline', 'toplevel'] });
  const sent = await report(api, held, { seconds, rate });
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const tasks = mainThreadTasks(trace.traceEvents);
  const long = tasks.filter((duration_ms) => duration_ms > LONG_MS);
  const longest = Math.max(0, ...tasks);
  const after = await heap();
  console.log(
    `${(sent / seconds).toFixed(0)} reports/s for ${seconds} s: ${long.length} tasks over ${LONG_MS} ms of ${tasks.length}, the longest ` +
      `${longest.toFixed(0)} ms; heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after`,
  );
} finally {
  for (const clean of cleaning) await clean();
}

type Held = { job_id: string; lease_token: string };

async function holdJobs(api: TranscriptionAPI): Promise<Held[]> {
  const jobs = Array.from({ length: JOBS }, (_, index) => ({
    audio_url: `s3://bucket/talk-${index}.mp3`,
    duration_seconds: 3600,
  }));
  await api.jobs.submitBatch(jobs);
  const held: Held[] = [];
  for (let worker = 0; held.length < JOBS; worker++) {
    await api.workers.register(`worker-${worker}`, { capabilities: { model: 'large-v3', device: 'cuda' } });
    const claimed = await api.workers.claim(`worker-${worker}`, { max_jobs: 5 });
    held.push(...claimed.jobs.map(({ job, lease }) => ({ job_id: job.job_id, lease_token: lease.token })));
  }
  return held;
}

/** Spread evenly; resolves to how many reports were sent. */
async function report(
  api: TranscriptionAPI,
  held: readonly Held[],
  { seconds, rate }: { seconds: number; rate: number },
): Promise<number> {
  let sent = 0;
  const from = performance.now();
  for (let batch = 0; batch < seconds * BATCHES_PER_SECOND; batch++) {
    const reports = Array.from({ length: rate / BATCHES_PER_SECOND }, () => {
      const { job_id, lease_token } = held[sent % held.length]!;
      const percentage = Math.min(99, (100 * sent++) / (seconds * rate));
      return api.jobs.reportProgress(job_id, { lease_token, percentage, stage: 'transcribing' });
    });
    await Promise.all(reports);
    const next_ms = from + ((batch + 1) * 1000) / BATCHES_PER_SECOND - performance.now();
    if (next_ms > 0) await sleep(systemClock, next_ms);
  }
  return sent;
}

type TraceEvent = { name: string; ph: string; pid: number; tid: number; dur?: number; args?: { name?: string } };

/** Durations of the tasks of the page's main thread, ms. */
function mainThreadTasks(events: readonly TraceEvent[]): number[] {
  const mains = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return events
    .filter(({ name, ph, pid, tid }) => ph === 'X' && /RunTask$/.test(name) && mains.has(`${pid} ${tid}`))
    .map(({ dur = 0 }) => dur / 1000);
}
