import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JobOptions } from '../../protocol/job-options.ts';
import { EngineError, type EngineProgress } from './engine.ts';
import { createExec, splitWords } from './exec.ts';
import { temporaryTask } from './testing.ts';

/** A small real program, run by this Node; `audio` and `out` are its {input} and {output}. */
async function execOf(t: TestContext, source: string) {
  const task = await temporaryTask(t);
  const script = join(task.work_directory, 'program.cjs');
  await writeFile(
    script,
    `const fs = require('node:fs');\nconst [audio, out, batch] = process.argv.slice(2);\n${source}`,
  );
  const engine = createExec({ command: `'${process.execPath}' "${script}" {input} {output} {batch_size}` });
  const progress: EngineProgress[] = [];
  const stop = new AbortController();
  const options = { signal: stop.signal, onProgress: (step: EngineProgress) => progress.push(step) };
  return { task, progress, stop, run: () => engine.transcribe(task, options) };
}

test('a program gets the input, the output and the batch size; its plain text is one segment', async (t) => {
  const it = await execOf(t, `fs.writeFileSync(out, fs.existsSync(audio) + ' ' + batch + '\\n')`);
  const transcript = await it.run();
  assert.equal(transcript.text, 'true 4');
  assert.deepEqual(transcript.segments, [
    { id: 0, start_seconds: 0, end_seconds: 60, text: 'true 4', confidence: null },
  ]);
});

test('its JSON is read as a transcript, ours and the one of the Whisper family', async (t) => {
  const ours = { language: 'de', segments: [{ start_seconds: 1, end_seconds: 2, text: 'eins', confidence: 0.5 }] };
  const theirs = { language: 'de', segments: [{ start: 1, end: 2, text: ' eins', avg_logprob: Math.log(0.5) }] };
  for (const written of [ours, theirs]) {
    const it = await execOf(t, `fs.writeFileSync(out, ${JSON.stringify(JSON.stringify(written))})`);
    const transcript = await it.run();
    assert.equal(transcript.language, 'de');
    assert.deepEqual(transcript.segments, [{ id: 0, start_seconds: 1, end_seconds: 2, text: 'eins', confidence: 0.5 }]);
  }
});

test('a program that can tell speakers apart is asked to, and they are in the transcript', async (t) => {
  const task = await temporaryTask(t);
  const script = join(task.work_directory, 'whisperx.sh');
  const segments = (speaker: string) => `{"segments": [{"start": 0, "end": 1, "text": " Hello."${speaker}}]}`;
  const named = segments(', "speaker": "SPEAKER_00"');
  await writeFile(script, `if [ "$3" = true ]; then echo '${named}'; else echo '${segments('')}'; fi > "$2"`);
  const engine = createExec({ command: `sh '${script}' {input} {output} {diarize}` });
  assert.deepEqual(engine.options, ['diarize']);
  const speakerWith = async (options: JobOptions) => {
    const quiet = { signal: new AbortController().signal, onProgress: () => {} };
    return (await engine.transcribe({ ...task, options }, quiet)).segments[0]?.speaker;
  };
  assert.deepEqual(
    [await speakerWith({ diarize: true }), await speakerWith({ diarize: false }), await speakerWith({})],
    ['SPEAKER_00', undefined, undefined],
  );
});

test('progress comes from its lines, never falls, and a bare percentage is counted in pieces of 30 s', async (t) => {
  const it = await execOf(
    t,
    `console.log('progress 50'); console.log('hello'); console.log('20%'); console.log('JOB_PROGRESS percentage=75');
     fs.writeFileSync(out, 'x')`,
  );
  await it.run();
  assert.deepEqual(it.progress, [
    { percentage: 50, current_chunk: 1, total_chunks: 2 },
    { percentage: 75, current_chunk: 1, total_chunks: 2 },
  ]);
});

test('an exit code is a retryable crash, with the last lines of stderr', async (t) => {
  const it = await execOf(t, `console.error('loading'); console.error('boom: bad luck'); process.exitCode = 9`);
  await assert.rejects(it.run(), (error) => {
    assert.ok(error instanceof EngineError);
    assert.deepEqual([error.code, error.retryable], ['engine_crashed', true]);
    assert.match(error.message, /exit code 9\nloading\nboom: bad luck$/);
    return true;
  });
});

test('death by a signal is a crash that names the signal', async (t) => {
  const it = await execOf(t, `process.kill(process.pid, 'SIGSEGV')`);
  await assert.rejects(it.run(), { code: 'engine_crashed', message: /killed by SIGSEGV/ });
});

test('an empty output is a crash, though the program ended with 0', async (t) => {
  for (const source of ['', `fs.writeFileSync(out, ' \\n')`]) {
    const it = await execOf(t, source);
    await assert.rejects(it.run(), { code: 'engine_crashed', message: /\{output\} is empty/ });
  }
});

test('signs of full GPU memory on stderr cause a retry with half the batch size', async (t) => {
  const it = await execOf(
    t,
    `console.error('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB');
     for (let i = 0; i < 100; i++) console.error('trace ' + i); process.exitCode = 1`,
  );
  await assert.rejects(it.run(), { code: 'gpu_out_of_memory', retryable: true, retry_with: { batch_size: 2 } });
});

test('an abort ends the program and rejects with the reason', async (t) => {
  const it = await execOf(t, `console.log('progress 1'); setInterval(() => {}, 1000)`);
  const reason = new Error('cancelled');
  it.progress.push = () => {
    it.stop.abort(reason);
    return 0;
  };
  await assert.rejects(it.run(), reason);
});

test('a missing program is reported before the first job, with a hint', async () => {
  const engine = createExec({ command: 'no-such-transcriber {input} {output}' });
  await assert.rejects(engine.prepare(), { code: 'engine_missing', hint: /install no-such-transcriber/ });
});

test('a command without {input} or {output} is refused with an example', () => {
  for (const command of ['', 'run', 'run {input}', 'run {output}']) {
    assert.throws(() => createExec({ command }), { code: 'engine_choice_invalid' }, command);
  }
});

test('a command is split like a shell does, and nothing in it is code', () => {
  assert.deepEqual(splitWords(`a  'b c'\t"d \\"e\\" \\n"f g\\ h ''`), ['a', 'b c', 'd "e" \\nf', 'g h', '']);
  assert.deepEqual(splitWords('a $HOME | b; c * `d`'), ['a', '$HOME', '|', 'b;', 'c', '*', '`d`']);
  assert.throws(() => splitWords(`a 'b`), { code: 'engine_choice_invalid', message: /never closed/ });
});
