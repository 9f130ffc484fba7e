/**
 * Transcripts of many hours: for each request its median time, the longest turn of the monitor's event loop outside of garbage
 * collection (CPU time, so that other programs don't count), and the longest time until `/livez` answered meanwhile.
 *
 *     node bench/parts/transcripts.ts [--segments 100000] [--times 5] [--checkout ../other]
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { inFolder } from '../servers/server.ts';
import { startWatchedMonitor } from '../servers/watched-monitor.ts';
import { median } from '../statistics.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { segments: text, times: text, checkout: text } });
const [segments, times] = [Number(values.segments ?? 100_000), Number(values.times ?? 5)];

const body = Buffer.from(
  JSON.stringify({
    text: '',
    language: 'en',
    duration_seconds: segments,
    engine: 'made',
    segments: Array.from({ length: segments }, (_, id) => ({
      id,
      start_seconds: id,
      end_seconds: id + 0.875,
      text: 'and then the train left without her, as it did on most of these days, since nobody had told her of it',
      confidence: 0.9375,
    })),
  }),
);

async function send(url: string, options: { method?: string; headers?: Record<string, string>; body?: Buffer }) {
  const { method = 'GET', headers = {}, body } = options;
  const sent = request(url, { method, headers: { ...headers, ...(body ? { 'content-length': body.length } : {}) } });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  if (response.statusCode >= 400) throw new Error(`${method} ${url}: ${response.statusCode}`);
  return bytes;
}

async function measure(name: string, checkout: string | undefined): Promise<void> {
  await inFolder(tmpdir(), async (folder) => {
    const monitor = await startWatchedMonitor(folder, checkout === undefined ? {} : { checkout });
    try {
      const api = new TranscriptionAPI({ baseUrl: monitor.url });
      await api.workers.register('worker-1', { capabilities: {} });
      const hold = async () => {
        await api.jobs.submit({ audio_url: 's3://bucket/audio.mp3', output_format: 'srt' });
        const [held] = (await api.workers.claim('worker-1', { max_jobs: 1 })).jobs;
        return { path: `${monitor.url}/api/v1/jobs/${held!.job.job_id}/transcript`, token: held!.lease.token };
      };
      const put = async () => {
        const { path, token } = await hold();
        const headers = { 'content-type': 'application/json', 'lease-token': token };
        await send(path, { method: 'PUT', headers, body });
        return path;
      };
      const path = await put();
      const get = (format: string, headers = {}) => send(`${path}?format=${format}`, { headers });
      const rows: Record<string, () => Promise<unknown>> = {
        PUT: put,
        'GET json': () => get('json'),
        'GET json, gzip': () => get('json', { 'accept-encoding': 'gzip' }),
        'GET srt': () => get('srt'),
        'GET srt, range of 64 KiB': () => get('srt', { range: 'bytes=0-65535' }),
        'eight GET srt at once': () => Promise.all(Array.from({ length: 8 }, () => get('srt'))),
      };
      for (const [row, run] of Object.entries(rows)) {
        const durations: number[] = [];
        await monitor.reset();
        let livez_ms = 0;
        let done = false;
        const probing = (async () => {
          while (!done) {
            const began = performance.now();
            await send(`${monitor.url}/livez`, {});
            livez_ms = Math.max(livez_ms, performance.now() - began);
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        })();
        for (let n = 0; n < times; n++) {
          const began = performance.now();
          await run();
          durations.push(performance.now() - began);
        }
        done = true;
        await probing;
        const { longest_ms, collection_ms } = await monitor.turns();
        console.log(
          `${name}: ${row}: p50 ${median(durations).toFixed(0)} ms, longest turn ${longest_ms.toFixed(0)} ms ` +
            `(longest collection ${collection_ms.toFixed(0)} ms), /livez at most ${livez_ms.toFixed(0)} ms`,
        );
      }
    } finally {
      await monitor.stop();
    }
  });
}

console.log(`a transcript of ${(body.length / 1e6).toFixed(1)} MB, ${segments} segments, ${times} times each`);
if (values.checkout !== undefined) await measure('other', values.checkout);
await measure('this', undefined);
