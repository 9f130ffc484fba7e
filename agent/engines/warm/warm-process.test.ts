/** Real processes, of an engine without a library. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../../../test/processes/tmon.ts';
import { systemClock } from '../../clock.ts';
import { StepClock } from '../../testing-clock.ts';
import { EngineError, type EngineStage } from '../engine.ts';
import { WarmProcess, type WarmProcessOptions } from './warm-process.ts';

const SCRIPTS = fileURLToPath(new URL('../python/', import.meta.url));
const ENGINE = fileURLToPath(new URL('testdata/engine.py', import.meta.url));
const COMMAND = ['python3', '-B', ENGINE, SCRIPTS] as const;
const never = new AbortController().signal;

type Said = { pid: number; said: string };

function open(t: TestContext, options: Partial<WarmProcessOptions> = {}) {
  const directory = temporaryDirectory(t);
  const warm = new WarmProcess({
    engine: 'test',
    command: async () => COMMAND,
    options: {},
    parallel: 2,
    install_hint: 'install it',
    clock: systemClock,
    ...options,
  });
  t.after(() => warm.close());
  let files = 0;
  const transcribe = (name: string, signal: AbortSignal = never) => {
    files += 1;
    const output_path = `${directory}/${files}.json`;
    const stages: EngineStage[] = [];
    const log: string[] = [];
    let onRead = () => {};
    const read = new Promise<void>((resolve) => {
      onRead = resolve;
    });
    const said = warm
      .transcribe({
        audio_path: `${directory}/${name}`,
        output_path,
        options: { say: name },
        batch_size: 1,
        signal,
        onStage: (stage) => stages.push(stage),
        onAudio: () => onRead(),
        onProgress: () => {},
        onLog: (line) => log.push(line),
      })
      .then(() => JSON.parse(readFileSync(output_path, 'utf8')) as Said);
    said.catch(() => {});
    return { said, stages, log, read };
  };
  const go = (name: string) => writeFileSync(join(directory, `${name}.go`), '');
  return { warm, transcribe, go };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('the model is loaded once: by the preparation, for the self-check and for every job', async (t) => {
  const { warm, transcribe } = open(t);
  const ready = await warm.prepare(never);
  assert.match(ready.versions.python ?? '', /^3\./);
  assert.equal(ready.parallel, 2);
  assert.deepEqual(await warm.prepare(never), ready);
  const first = transcribe('a');
  const { pid, said } = await first.said;
  assert.equal(said, 'a');
  assert.deepEqual(first.stages, ['TRANSCRIBING']);
  assert.match(first.log.join('\n'), /a line about a/);
  assert.equal((await transcribe('b').said).pid, pid);
  await warm.prepare(never);
  assert.equal((await transcribe('c').said).pid, pid);
  await warm.close();
  assert.equal(isAlive(pid), false);
});

test('a job that waits for the model says so', async (t) => {
  const job = open(t).transcribe('a');
  await job.said;
  assert.deepEqual(job.stages, ['LOADING_MODEL', 'TRANSCRIBING']);
});

test('two jobs run at once on one model; a third waits for one of them', async (t) => {
  const { transcribe, go } = open(t);
  const [a, b] = [transcribe('waits-a'), transcribe('waits-b')];
  await Promise.all([a.read, b.read]);
  const c = transcribe('c');
  assert.deepEqual(c.stages, ['WAITING_FOR_ENGINE']);
  go('waits-b');
  const pids = [(await b.said).pid, (await c.said).pid];
  go('waits-a');
  assert.deepEqual(pids, Array(2).fill((await a.said).pid));
});

test('a cancelled job stops, and the model stays loaded', async (t) => {
  const { transcribe } = open(t);
  const { pid } = await transcribe('a').said;
  const stop = new AbortController();
  const cancelled = transcribe('waits', stop.signal);
  await cancelled.read;
  const reason = new Error('cancelled');
  stop.abort(reason);
  await assert.rejects(cancelled.said, reason);
  assert.equal((await transcribe('b').said).pid, pid);
});

test('a cancelled job that does not stop ends the process, and the job beside it is done by the next one', async (t) => {
  const clock = new StepClock(0);
  const { transcribe, go } = open(t, { clock });
  const stop = new AbortController();
  const [hangs, beside] = [transcribe('hangs', stop.signal), transcribe('waits')];
  await Promise.all([hangs.read, beside.read]);
  const reason = new Error('cancelled');
  stop.abort(reason);
  await clock.step();
  await assert.rejects(hangs.said, reason);
  go('waits');
  assert.equal((await beside.said).said, 'waits');
  assert.deepEqual(beside.stages, ['LOADING_MODEL', 'TRANSCRIBING', 'LOADING_MODEL', 'TRANSCRIBING']);
});

test('a job that makes no progress ends the process at once', async (t) => {
  const { transcribe } = open(t, { clock: new StepClock(0) });
  const stop = new AbortController();
  const { pid } = await transcribe('a').said;
  const hangs = transcribe('hangs', stop.signal);
  await hangs.read;
  stop.abort(new EngineError('engine_stalled', 'no progress'));
  await assert.rejects(hangs.said, { code: 'engine_stalled' });
  assert.equal(isAlive(pid), false);
  assert.notEqual((await transcribe('b').said).pid, pid);
});

test('a crash fails the job that causes it, and not the one beside it', async (t) => {
  const { transcribe, go } = open(t);
  const [dies, beside] = [transcribe('waits-dies'), transcribe('waits-beside')];
  await Promise.all([dies.read, beside.read]);
  go('waits-beside');
  await beside.said;
  const again = transcribe('waits-again');
  await again.read;
  go('waits-again');
  go('waits-dies');
  await assert.rejects(dies.said, { code: 'engine_crashed', message: /SIGABRT/ });
  assert.equal((await again.said).said, 'waits-again');
});

test('an exception fails its job with the trace; the self-check then replaces a process that does not work', async (t) => {
  const { warm, transcribe } = open(t);
  const { pid } = await transcribe('a').said;
  const trace = { code: 'engine_crashed', message: /an exception\n.*RuntimeError: out of order/s };
  await assert.rejects(transcribe('loses').said, trace);
  await warm.prepare(never);
  assert.equal(isAlive(pid), false);
  assert.notEqual((await transcribe('b').said).pid, pid);
});

test('a model that can not be loaded fails every job that waits for it, and the next job tries again', async (t) => {
  const { warm, transcribe } = open(t, { options: { absent: true } });
  const jobs = [transcribe('a'), transcribe('b')];
  for (const { said } of jobs) await assert.rejects(said, { code: 'gpu_out_of_memory' });
  await assert.rejects(warm.prepare(never), { code: 'gpu_out_of_memory' });
});

test('a preparation that is given up ends the process', async (t) => {
  const { warm } = open(t, { options: { hangs: true } });
  const stop = new AbortController();
  const prepared = warm.prepare(stop.signal);
  stop.abort(new Error('too long'));
  await assert.rejects(prepared, /too long/);
  await warm.close();
});

test('a new process is started after jobs_per_process, when the memory has grown, and after a time without jobs', async (t) => {
  const counted = open(t, { jobs_per_process: 2 });
  const pids = [];
  for (const name of ['a', 'b', 'c']) pids.push((await counted.transcribe(name).said).pid);
  assert.equal(pids[0], pids[1]);
  assert.notEqual(pids[1], pids[2]);

  const grown = open(t, { memory_growth: 2 });
  const { pid } = await grown.transcribe('grows').said;
  assert.notEqual((await grown.transcribe('a').said).pid, pid);

  const clock = new StepClock(0);
  const idle = open(t, { idle_ms: 60_000, clock });
  const first = await idle.transcribe('a').said;
  assert.equal((await idle.transcribe('b').said).pid, first.pid);
  assert.equal(await clock.step(), 60_000);
  assert.notEqual((await idle.transcribe('c').said).pid, first.pid);
});

test('the process ends with its standard input, whatever it is doing', async () => {
  const [program, ...args] = COMMAND;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const job = { do: 'transcribe', id: '1', audio_path: '/hangs', output_path: '/nowhere', options: {} };
  child.stdin.write(`${JSON.stringify({ do: 'load', options: {}, parallel: 1 })}\n${JSON.stringify(job)}\n`);
  for await (const bytes of child.stdout) if (String(bytes).includes('"audio"')) break;
  child.stdin.end();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
