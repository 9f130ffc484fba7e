/**
 * `npm run demo`: from nothing to transcripts in one command. A monitor in this process, an engine in a private Python
 * environment, two workers as child processes, and every recording in examples/audio/. One worker is killed in the middle of a
 * job, another takes its place, and the job is done again.
 *
 *     npm run demo -- --engine pocketsphinx --store s3://bucket/prefix --listen 127.0.0.1:9000 --exit
 *     npm run demo -- --short        the three short recordings, one worker
 *
 * Runs until Ctrl-C; with --exit it ends once the transcripts are printed. It leaves no process behind.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { type JobUpdate, type JobWithId, TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { EXIT, reportError } from '../exit-code.ts';
import { colour, duration, endQuietlyWhenNobodyReads, fileName, note, printLine } from '../output.ts';
import { openProgressView, type ProgressView } from '../progress-bars.ts';
import { settingsOf } from '../serve.ts';
import { submitOne } from '../submit/submit-all.ts';
import { watchJobs } from '../watch-jobs.ts';
import { chooseDemoEngine } from './demo-engine.ts';
import { DemoWorkers } from './demo-workers.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/audio/', import.meta.url));
const AUDIO = /\.(wav|mp3|flac|ogg|m4a)$/i;
/** The long one first, so that the others are done beside it; the job whose worker is killed is the second. */
const LONG = ['five-minutes.mp3', 'phone-call.mp3'];
/** Short, so that a killed worker is noticed in seconds and not in a minute. */
const NOTICED = { leaseMs: 8_000, retryBaseMs: 500 };

type DemoOptions = { engine?: string; store: string; listen: string; short?: boolean; exit?: boolean };

async function demo({ engine: wanted, store, listen, short: asked = false, exit }: DemoOptions): Promise<void> {
  const interrupted = new AbortController();
  const onSignal = () => interrupted.abort();
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const { signal } = interrupted;
  const stops: (() => Promise<void>)[] = [];
  try {
    await buildDashboard().catch((error: Error) => note(`tmon: ${error.message}`));
    const { startMonitor } = await import('../../server/main.ts');
    const monitor = await startMonitor(settingsOf({ store, listen, fleet: 'local:', logLevel: 'error', ...NOTICED }));
    stops.unshift(() => monitor.stop());
    printLine(`${colour('bold', 'monitor')}     ${monitor.url}, everything kept in ${store}`);
    printLine(`${colour('bold', 'dashboard')}   ${monitor.url}/`);
    const engine = await chooseDemoEngine(wanted);
    signal.throwIfAborted();
    const short = asked || (await readsOnlyWav(engine.name));
    if (short && !asked)
      printLine(`${colour('bold', 'ffmpeg')}      is not installed: only the short recordings can be read`);
    const workers = new DemoWorkers({ server: monitor.url, engine: engine.choice });
    stops.unshift(() => workers.stop());
    for (let count = short ? 1 : 2; count > 0; count -= 1) {
      const { id, pid } = workers.start();
      printLine(`${colour('bold', 'worker')}      ${id}, its own process (pid ${pid}), engine ${engine.name}`);
    }

    const api = new TranscriptionAPI({ baseUrl: monitor.url, apiKey: process.env.TMON_API_KEY });
    const failed = await Promise.race([transcribeExamples(api, { workers, short, signal }), workers.died]);
    if (failed > 0) process.exitCode = EXIT.failed;
    if (!exit && !signal.aborted) {
      printLine(nextSteps(monitor.url, store));
      await Promise.race([aborted(signal), workers.died]);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    if (signal.aborted) printLine('\nstopping');
    for (const stop of stops) await stop();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

type Examples = { workers: DemoWorkers; short: boolean; signal: AbortSignal };

/** Submits the recordings, shows progress and transcripts; returns the number of failed jobs. */
async function transcribeExamples(api: TranscriptionAPI, { workers, short, signal }: Examples): Promise<number> {
  const all = (await readdir(EXAMPLES)).filter((name) => AUDIO.test(name)).sort();
  const others = all.filter((name) => !LONG.includes(name));
  const jobs: JobWithId[] = [];
  for (const name of short ? others : [...LONG, ...others]) {
    jobs.push(await submitOne(api, { path: join(EXAMPLES, name) }, { tags: ['demo'] }));
  }
  printLine(`${colour('bold', 'recordings')}  ${jobs.length}, uploaded and submitted\n`);
  const view = openProgressView({ json: false });
  const ids = jobs.map((job) => job.id);
  const ends = await watchJobs(api, ids, short ? view : killingOne(view, workers), signal);
  for (const { id } of jobs) await printTranscript(api, await api.jobs.get(id));
  return ends.failed.length + ends.cancelled.length;
}

/** Kills the worker that transcribes the phone call, or, if that was too fast, the one of another job. */
function killingOne(view: ProgressView, workers: DemoWorkers): ProgressView {
  let killed = false;
  let missed = false;
  return {
    ...view,
    say: (line) => view.say(line),
    end: () => view.end(),
    show(update: JobUpdate) {
      view.show(update);
      const { state, percentage, job } = update;
      const name = fileName(job.input.s3_path);
      missed ||= name === LONG[1] && state === 'COMPLETED';
      if (killed || state !== 'PROCESSING' || percentage === 0 || !(missed || name === LONG[1])) return;
      const lost = workers.kill(job.worker?.worker_id);
      if (lost === undefined) return;
      killed = true;
      const next = workers.start();
      const what = `${lost.id} (pid ${lost.pid}), at ${Math.floor(percentage)}% of ${name}; ${next.id} takes its place`;
      view.say(`${colour('bold', 'kill -9')}     ${what}. The job is tried again when its lease has ended`);
    },
  };
}

async function printTranscript(api: TranscriptionAPI, job: JobWithId): Promise<void> {
  const heading = colour('bold', fileName(job.input.s3_path));
  if (job.state !== 'COMPLETED') {
    const error = job.retry_info.last_error;
    printLine(`\n${heading}: ${job.state}${error === null ? '' : `, ${error.code}: ${error.message}`}`);
    return;
  }
  const { text } = await api.jobs.transcript(job.id);
  const took = job.performance.processing_time_seconds;
  const { attempt, last_error } = job.retry_info;
  const facts = [
    `${duration(job.input.duration_seconds)} of audio in ${duration(took)}`,
    ...(attempt > 1 ? [`attempt ${attempt}${last_error === null ? '' : ` after ${last_error.code}`}`] : []),
    `${job.output.segments_count} segments`,
    job.id,
  ];
  printLine(`\n${heading} ${colour('dim', `(${facts.join(', ')})`)}\n${text}`);
}

function nextSteps(url: string, store: string): string {
  const server = url === 'http://127.0.0.1:8080' ? '' : ` --server ${url}`;
  const steps = [
    [`${url}/`, 'the dashboard'],
    [`npx tmon jobs${server}`, 'its jobs'],
    [`npx tmon submit talk.mp3 --watch${server}`, 'your own recording'],
    ...(store.startsWith('dir:') ? [[`find ${store.slice('dir:'.length)} -name '*.json'`, 'its complete state']] : []),
    [`${url}/docs`, 'the REST API'],
    [`${url}/metrics`, 'for Prometheus'],
  ] as const;
  const width = Math.max(...steps.map(([step]) => step?.length ?? 0));
  const lines = steps.map(([step = '', what = '']) => `  ${step.padEnd(width)}   ${what}`);
  return `\n${colour('bold', 'Running until Ctrl-C. In another terminal:')}\n${lines.join('\n')}\n`;
}

async function readsOnlyWav(engine: string): Promise<boolean> {
  const { isProgramPresent } = await import('../../agent/engines/find-program.ts');
  return engine === 'pocketsphinx' && !(await isProgramPresent('ffmpeg'));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

endQuietlyWhenNobodyReads();
const command = new Command('npm run demo --')
  .description('Transcribe the recordings in examples/audio/ and keep running.')
  .option(
    '--engine <engine>',
    'any engine of tmon worker, for example pocketsphinx, or auto for the best installed one (default: faster-whisper with the model tiny.en)',
  )
  .option('--store <url>', 'where all data is stored', 'dir:./data')
  .option('--listen <host:port>', 'address of the monitor', '127.0.0.1:8080')
  .option('--short', 'the three short recordings and one worker, none of which is killed')
  .option('--exit', 'exit once the transcripts are printed')
  .exitOverride()
  .action(demo);
try {
  await command.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  else process.exitCode = reportError(error, false);
}
