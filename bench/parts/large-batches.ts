/**
 * Batches of many MiB: the median time of one, the longest turn of the monitor's event loop outside of garbage collection (CPU
 * time), and the longest time until `/livez` answered meanwhile.
 *
 *     node bench/parts/large-batches.ts [--bytes 16000] [--times 5]    # of metadata per job; 1,000 jobs
 */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { inFolder } from '../servers/server.ts';
import { startWatchedMonitor } from '../servers/watched-monitor.ts';
import { median } from '../statistics.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { bytes: text, times: text } });
const [bytes, times] = [Number(values.bytes ?? 16_000), Number(values.times ?? 5)];

const metadata = Object.fromEntries(
  Array.from({ length: Math.ceil(bytes / 1_000) }, (_, n) => [`name${n}`, 'v'.repeat(Math.min(1_000, bytes))]),
);
const body = JSON.stringify({
  jobs: Array.from({ length: 1_000 }, (_, n) => ({ audio_url: `s3://bucket/${n}.mp3`, metadata })),
});

await inFolder(tmpdir(), async (folder) => {
  const monitor = await startWatchedMonitor(folder);
  try {
    for (const encoding of ['identity', 'gzip']) {
      await monitor.reset();
      const durations: number[] = [];
      let livez_ms = 0;
      let done = false;
      const probing = (async () => {
        while (!done) {
          const began = performance.now();
          await (await fetch(`${monitor.url}/livez`)).text();
          livez_ms = Math.max(livez_ms, performance.now() - began);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      for (let n = 0; n < times; n++) {
        const began = performance.now();
        const response = await fetch(`${monitor.url}/api/v1/jobs/batch`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'accept-encoding': encoding },
          body,
        });
        const received = await response.arrayBuffer();
        if (response.status !== 200) throw new Error(Buffer.from(received).toString().slice(0, 500));
        durations.push(performance.now() - began);
      }
      done = true;
      await probing;
      const { longest_ms, collection_ms } = await monitor.turns();
      console.log(
        `1,000 jobs in ${(body.length / 1e6).toFixed(1)} MB, answered as ${encoding}: p50 ${median(durations).toFixed(0)} ms, ` +
          `longest turn ${longest_ms.toFixed(0)} ms (longest collection ${collection_ms.toFixed(0)} ms), /livez at most ${livez_ms.toFixed(0)} ms`,
      );
    }
  } finally {
    await monitor.stop();
  }
});
