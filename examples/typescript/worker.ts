/**
 * A short worker that reports its jobs to a log, a bucket, a table, a queue or a monitor, as the URL says. Instead of
 * transcribing it finds where in a recording someone speaks.
 *
 *     node examples/typescript/worker.ts log: examples/audio/*.wav
 *     node examples/typescript/worker.ts http://127.0.0.1:8080 examples/audio/*.wav
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Reporter } from '../../sdk/typescript/reporter/reporter.ts';

const [url = 'log:', ...files] = process.argv.slice(2);
const reporter = Reporter.fromUrl(url, { workerId: process.env.WORKER_ID ?? `worker-${process.pid}` });

for (const file of files) {
  const jobId = basename(file).replace(/\W+/g, '-');
  try {
    await transcribe(jobId, file);
  } catch (error) {
    reporter.jobFailed(jobId, error);
  }
}
await reporter.close();

async function transcribe(jobId: string, file: string): Promise<void> {
  reporter.jobStart(jobId);
  const { samples, rate } = readWav(await readFile(file));
  const seconds = Math.floor(samples.length / rate);
  let segments = 0;
  let spoken = false;
  for (let second = 0; second < seconds; second += 1) {
    const loud = loudness(samples.subarray(second * rate, (second + 1) * rate)) > 300;
    if (loud && !spoken) segments += 1;
    spoken = loud;
    reporter.jobProgress(jobId, ((second + 1) * 100) / seconds, { stage: 'transcribing' });
  }
  reporter.jobComplete(jobId, { segments });
}

/** 16-bit PCM, like examples/audio. */
function readWav(bytes: Buffer): { samples: Int16Array; rate: number } {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF') throw new Error('it is not a WAV file');
  let at = 12;
  while (bytes.toString('latin1', at, at + 4) !== 'data') at += 8 + bytes.readUInt32LE(at + 4);
  const data = bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at + 4));
  return { samples: new Int16Array(Uint8Array.from(data).buffer), rate: bytes.readUInt32LE(24) };
}

function loudness(samples: Int16Array): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}
