/**
 * What a loaded model saves: `node bench/parts/warm-engine.ts [--jobs 12] [--seconds 4]`.
 *
 * faster-whisper with tiny.en transcribes short recordings in a process that is kept (warm), and in one for each job (cold, by
 * `jobs_per_process=1`), in turns, so that both meet the same machine. Then one and two at once, with the memory of the process.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseEngine } from '../../agent/engines/choose-engine.ts';
import type { Engine } from '../../agent/engines/engine.ts';
import { PACKAGED_FASTER_WHISPER } from '../../agent/engines/faster-whisper.ts';
import { leftProcesses, markProcesses } from '../../test/processes/left-processes.ts';
import { median } from '../statistics.ts';

const { values } = parseArgs({
  options: { jobs: { type: 'string', default: '12' }, seconds: { type: 'string', default: '4' } },
});
const [jobs, seconds] = [Number(values.jobs), Number(values.seconds)];
const ROUNDS = 2;
const LOOK_MS = 20;
const HEADER_BYTES = 44;
const BYTES_PER_SECOND = 32_000;

const directory = mkdtempSync(join(tmpdir(), 'tmon-warm-'));
const example = readFileSync(fileURLToPath(new URL('../../examples/audio/house-viewing.wav', import.meta.url)));
const recording = join(directory, 'short.wav');
const short = example.subarray(0, HEADER_BYTES + seconds * BYTES_PER_SECOND);
short.writeUInt32LE(short.length - 8, 4);
short.writeUInt32LE(short.length - HEADER_BYTES, 40);
writeFileSync(recording, short);

const signal = new AbortController().signal;
const transcribe = (engine: Engine) =>
  engine.transcribe(
    {
      audio_path: recording,
      duration_seconds: seconds,
      work_directory: mkdtempSync(join(directory, 'job-')),
      batch_size: 1,
    },
    { signal, onProgress: () => {} },
  );

async function inTurns(engine: Engine, count: number): Promise<number> {
  const begun_ms = performance.now();
  for (let n = 0; n < count; n += 1) await transcribe(engine);
  return performance.now() - begun_ms;
}

const mark = `warm-${process.pid}`;
markProcesses(mark);

/** Megabytes of a process's memory, by their name in /proc; null where there is none. */
function megabytes(pid: number, name: 'VmRSS' | 'VmHWM'): number | null {
  try {
    return (
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000
    );
  } catch {
    return null;
  }
}

/** Resident memory while it works: the median of a look every LOOK_MS; and the peak. */
async function memoryOf(engine: Engine, at_once: number): Promise<{ median: number; peak: number }> {
  await engine.prepare();
  await Promise.all(Array.from({ length: at_once }, () => transcribe(engine)));
  const pid = engineProcess() ?? 0;
  const looks: number[] = [];
  const timer = setInterval(() => looks.push(megabytes(pid, 'VmRSS') ?? Number.NaN), LOOK_MS);
  await Promise.all(Array.from({ length: at_once }, () => inTurns(engine, Math.ceil(jobs / 2))));
  clearInterval(timer);
  const peak = megabytes(pid, 'VmHWM') ?? Number.NaN;
  await engine.close?.();
  return { median: median(looks), peak };
}

function engineProcess(): number | undefined {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      return '';
    }
  };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) => read(pid, 'environ').includes(mark) && read(pid, 'cmdline').includes('transcribe_faster_whisper'))
    .map(Number)[0];
}

try {
  const [warm, cold] = [
    parseEngine(PACKAGED_FASTER_WHISPER),
    parseEngine(`${PACKAGED_FASTER_WHISPER}&jobs_per_process=1`),
  ];
  await warm.prepare();
  let [warm_ms, cold_ms] = [0, 0];
  for (let round = 0; round < ROUNDS; round += 1) {
    warm_ms += await inTurns(warm, Math.ceil(jobs / ROUNDS));
    cold_ms += await inTurns(cold, Math.ceil(jobs / ROUNDS));
  }
  await Promise.all([warm.close?.(), cold.close?.()]);
  const count = Math.ceil(jobs / ROUNDS) * ROUNDS;
  const rate = (ms: number) => ((1000 * count) / ms).toFixed(2);
  console.log(
    `${count} recordings of ${seconds} s: ${rate(warm_ms)} jobs/s warm, ${rate(cold_ms)} cold: ${(cold_ms / warm_ms).toFixed(1)} times as fast`,
  );
  const one = await memoryOf(parseEngine(PACKAGED_FASTER_WHISPER, 1), 1);
  const two = await memoryOf(parseEngine(PACKAGED_FASTER_WHISPER, 2), 2);
  for (const what of ['median', 'peak'] as const) {
    const factor = (two[what] / one[what]).toFixed(2);
    console.log(
      `memory, ${what}: ${one[what].toFixed(0)} MB for one job, ${two[what].toFixed(0)} MB for two at once: ${factor} times as much`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
  const left = await leftProcesses(mark);
  if (left.length > 0) console.log(`left: ${left}`);
}
