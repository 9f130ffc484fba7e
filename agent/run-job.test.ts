/** One attempt at one job, against a real monitor: how it ends, what is reported, and what remains. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TranscriptionAPI } from '../sdk/typescript/index.ts';
import { startTestMonitor, startTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { wav } from '../test/processes/wav.ts';
import { tones } from './channels/testing-tones.ts';
import type { Engine } from './engines/engine.ts';
import { createExec } from './engines/exec.ts';
import { jobEnd, jobThat, startTestWorker, submitAudio } from './testing-worker.ts';

const { api, url } = await startTestMonitor({ after }, { lease_ms: 2_000 });

const SPEAK = 'echo "chunk 1/2"; echo "chunk 2/2"; echo "hello world" > "$2"';

test('a job is fetched, transcribed and stored: COMPLETED, its transcript there', async (t) => {
  const worker = startTestWorker(t, api, SPEAK, { workerId: 'worker-good' });
  const { id } = await submitAudio(api, wav(2), { output_format: 'srt' });
  const job = await jobEnd(api, id);
  assert.equal(job.state, 'COMPLETED', JSON.stringify(job.retry_info));
  assert.equal(job.worker?.worker_id, 'worker-good');
  assert.deepEqual([job.progress.stage, job.progress.percentage], [null, 100]);
  assert.equal(job.input.duration_seconds, 2);
  assert.match(job.output.s3_path ?? '', new RegExp(`transcripts/${id}\\.srt$`));
  const transcript = await api.jobs.transcript(id);
  assert.equal(transcript.text, 'hello world');
  assert.match(String(await api.jobs.transcript(id, 'srt')), /-->/);
  await worker.line('completed');
  worker.drain();
  assert.equal(await worker.ended, 'drained');
  assert.deepEqual(worker.leftovers(), []);
});

test('its worker, stages, length and size can be watched while it runs', async (t) => {
  const gate = join(temporaryDirectory(t), 'gate');
  spawnSync('mkfifo', [gate]);
  startTestWorker(t, api, `echo "chunk 1/4"; read line < ${gate}; echo done > "$2"`, { workerId: 'worker-watched' });
  const audio = wav(2);
  const { id } = await submitAudio(api, audio);
  await jobThat(api, id, ({ percentage }) => percentage === 25);
  const job = await api.jobs.get(id);
  assert.deepEqual([job.input.duration_seconds, job.input.file_size_bytes], [2, audio.length]);
  assert.equal(job.progress.stage, 'TRANSCRIBING');
  assert.equal(job.progress.current_chunk, 1);
  assert.equal(job.progress.total_chunks, 4);
  const worker = await api.workers.get('worker-watched');
  assert.equal(worker.current_job?.job_id, id);
  assert.equal(worker.capabilities.model, 'sh');
  spawnSync('sh', ['-c', `echo go > ${gate}`]);
  assert.equal((await jobEnd(api, id)).state, 'COMPLETED');
});

test('what the engine prints can be read while it runs, and after it failed; without secrets', async (t) => {
  const gate = join(temporaryDirectory(t), 'gate');
  spawnSync('mkfifo', [gate]);
  const fetching = 'echo "GET https://models.test/m.bin?token=abc" >&2';
  startTestWorker(t, api, `${fetching}; read line < ${gate}; echo "it is broken" >&2; exit 1`, {
    workerId: 'worker-log',
  });
  const { id } = await submitAudio(api, wav(2), { max_attempts: 1 });
  let text = '';
  let opened = false;
  for await (const part of api.jobs.followAttemptLog(id, 1, { pollMs: 10 })) {
    text += part;
    if (opened) continue;
    opened = true;
    spawnSync('sh', ['-c', `echo go > ${gate}`]);
  }
  assert.equal(text, 'GET https://models.test/m.bin?[redacted]\nit is broken\n');
  assert.equal((await jobEnd(api, id)).state, 'FAILED');
  assert.equal((await api.jobs.attemptLog(id, 1)).text, text);
  const { stdout } = await startTmon(t, ['logs', id, '--server', url]).ended;
  assert.equal(stdout, text);
});

test('the options of a job reach the engine; one that it does not know fails the job before it is fetched', async (t) => {
  const command = `sh -c 'echo "$3, $4" > "$2"' sh {input} {output} {language} {vad}`;
  const engine = createExec({ command });
  const worker = startTestWorker(t, api, '', { workerId: 'worker-options', engine, defaults: { vad: true } });
  const german = await submitAudio(api, wav(2), { options: { language: 'de' } });
  assert.deepEqual((await jobEnd(api, german.id)).options, { language: 'de' });
  assert.equal((await api.jobs.transcript(german.id)).text, 'de, true');
  const { id } = await submitAudio(api, wav(2), { options: { diarize: true } });
  const { state, retry_info } = await jobEnd(api, id);
  assert.deepEqual([state, retry_info.last_error?.code, retry_info.attempt], ['FAILED', 'option_not_supported', 1]);
  assert.match(retry_info.last_error?.message ?? '', /diarize: it knows language, vad/);
  worker.drain();
  await worker.ended;
});

test('channels=split: one progress over both channels, and each segment has its own; a cancel ends it', async (t) => {
  const gate = join(temporaryDirectory(t), 'gate');
  spawnSync('mkfifo', [gate]);
  const hears = new URL('channels/testdata/hear_tones.py', import.meta.url).pathname;
  const wait = `case "$1" in *channel-0.wav) read line < ${gate};; esac`;
  const command = `sh -c 'python3 ${hears} "$1" "$2"; ${wait}' sh {input} {output}`;
  const engine: Engine = { ...createExec({ command }), options: ['channels'] };
  const worker = startTestWorker(t, api, '', { workerId: 'worker-channels', engine });
  const call = tones([300, 0, 300], [0, 900, 900]);
  const options = { channels: 'split' } as const;

  const { id } = await submitAudio(api, call, { options });
  const { progress } = await jobThat(api, id, ({ percentage }) => percentage === 50);
  assert.deepEqual([progress.current_chunk, progress.total_chunks], [1, 2]);
  spawnSync('sh', ['-c', `echo go > ${gate}`]);
  const job = await jobEnd(api, id);
  assert.deepEqual([job.state, job.input.duration_seconds, job.output.segments_count], ['COMPLETED', 3, 4]);
  const { segments, duration_seconds } = await api.jobs.transcript(id);
  assert.equal(duration_seconds, 3);
  assert.deepEqual(
    segments.map(({ start_seconds, channel, text }) => `${start_seconds} s, ${channel}: ${text}`),
    ['0 s, 0: 300 Hz', '1 s, 1: 900 Hz', '2 s, 0: 300 Hz', '2 s, 1: 900 Hz'],
  );

  const cancelled = await submitAudio(api, call, { options });
  await jobThat(api, cancelled.id, ({ percentage }) => percentage === 50);
  await api.jobs.cancel(cancelled.id);
  assert.equal((await jobEnd(api, cancelled.id)).state, 'CANCELLED');
  worker.drain();
  await worker.ended;
  assert.deepEqual(worker.leftovers(), []);
});

test('empty and non-audio files are FAILED at once with a code, and the worker continues', async (t) => {
  const worker = startTestWorker(t, api, SPEAK, { workerId: 'worker-bad-audio' });
  const text = await submitAudio(api, Buffer.from('Dear Sir or Madam, this is a letter.\n'.repeat(50)));
  const silent = await submitAudio(api, wav(0));
  const good = await submitAudio(api);
  const ends: [string, string | undefined, number][] = [];
  for (const { id } of [text, silent]) {
    const { state, retry_info } = await jobEnd(api, id);
    ends.push([state, retry_info.last_error?.code, retry_info.attempt]);
    assert.doesNotMatch(retry_info.last_error?.message ?? '', /\/tmp/);
  }
  assert.deepEqual(ends, [
    ['FAILED', 'not_audio', 1],
    ['FAILED', 'audio_empty', 1],
  ]);
  assert.equal((await jobEnd(api, good.id)).state, 'COMPLETED');
  await worker.line('completed');
  worker.drain();
  await worker.ended;
  assert.deepEqual(worker.leftovers(), []);
});

test('a recording that is cut short is transcribed as far as it goes, and its transcript says so', async (t) => {
  startTestWorker(t, api, SPEAK, { workerId: 'worker-truncated' });
  const { id } = await submitAudio(api, wav(1, 60));
  const job = await jobEnd(api, id);
  assert.deepEqual([job.state, job.input.duration_seconds], ['COMPLETED', 1]);
  const { warnings } = await api.jobs.transcript(id);
  const codes = [warnings, job.output.warnings].map((list) => list?.map(({ code }) => code));
  assert.deepEqual(codes, [['audio_truncated'], ['audio_truncated']]);
});

test('with require_complete a recording that is cut short is FAILED', async (t) => {
  startTestWorker(t, api, SPEAK, { workerId: 'worker-complete' });
  const { id } = await submitAudio(api, wav(1, 60), { require_complete: true });
  const { state, retry_info, input } = await jobEnd(api, id);
  assert.deepEqual([state, retry_info.last_error?.code, retry_info.attempt], ['FAILED', 'audio_truncated', 1]);
  assert.equal(input.require_complete, true);
  const whole = await submitAudio(api, wav(1), { require_complete: true });
  assert.equal((await jobEnd(api, whole.id)).state, 'COMPLETED');
});

test('a WAV whose recorder died is transcribed whole, under a name that fits its bytes', async (t) => {
  const seen = join(temporaryDirectory(t), 'seen');
  const script = `basename "$1" > ${seen}; stat -c %s "$1" >> ${seen}; od -An -tu4 -j40 -N4 "$1" >> ${seen}; ${SPEAK}`;
  startTestWorker(t, api, script, { workerId: 'worker-recorder' });
  const { audio_url } = await api.uploads.create({ name: 'tone.mp3', body: wav(2, 0.5) });
  const job = await jobEnd(api, (await api.jobs.submit({ audio_url })).id);
  assert.deepEqual([job.state, job.input.duration_seconds], ['COMPLETED', 2]);
  assert.deepEqual(readFileSync(seen, 'utf8').split(/\s+/).slice(0, 3), ['audio.wav', '64044', '64000']);
});

test('the length that the engine has read is the one that counts', async (t) => {
  const json = `{"duration": 31.7, "segments": [{"start": 30, "end": 31.5, "text": "late"}]}`;
  startTestWorker(t, api, `echo "${json.replaceAll('"', '\\"')}" > "$2"`, { workerId: 'worker-length' });
  const job = await jobEnd(api, (await submitAudio(api)).id);
  assert.deepEqual([job.state, job.input.duration_seconds], ['COMPLETED', 31.7]);
  const { segments } = await api.jobs.transcript(job.id);
  assert.deepEqual([segments[0]?.start_seconds, segments[0]?.end_seconds], [30, 31.5]);
});

test('a missing upload is refused when it is submitted', async () => {
  const audio_url = 'upload://upload-01AAAAAAAAAAAAAAAAAAAAAAAA/none.wav';
  await assert.rejects(api.jobs.submit({ audio_url }), { status: 400 });
});

test('an empty file is refused when it is uploaded', async () => {
  await assert.rejects(submitAudio(api, Buffer.alloc(0)), { status: 400, code: 'audio_empty' });
});

test('a crashed engine is retried, up to max_attempts', async (t) => {
  const tries = join(temporaryDirectory(t), 'tries');
  startTestWorker(t, api, `echo try >> ${tries}; echo "segmentation fault" >&2; exit 3`, { workerId: 'worker-crash' });
  const { id } = await submitAudio(api, wav(1), { max_attempts: 3 });
  const job = await jobEnd(api, id);
  assert.equal(job.state, 'FAILED');
  assert.equal(job.retry_info.last_error?.code, 'engine_crashed');
  assert.match(job.retry_info.last_error?.message ?? '', /exit code 3.*segmentation fault/s);
  assert.equal(readFileSync(tries, 'utf8'), 'try\n'.repeat(3));
});

test('an attempt out of GPU memory is retried with half the batch size', async (t) => {
  const sizes = join(temporaryDirectory(t), 'sizes');
  const script = `echo $3 >> ${sizes}; test $3 -gt 1 && { echo "CUDA out of memory" >&2; exit 1; }; echo ok > "$2"`;
  startTestWorker(t, api, script, { workerId: 'worker-oom' });
  const { id } = await submitAudio(api, wav(1), { max_attempts: 3 });
  assert.equal((await jobEnd(api, id)).state, 'COMPLETED');
  assert.equal(readFileSync(sizes, 'utf8'), '4\n2\n1\n');
});

/** An engine that never ends by itself, with a child. Their pids are in the file. */
const endless = (pids: string) => `sleep 60 & echo "$$ $!" > ${pids}; echo "chunk 1/4"; wait`;

test('cancelling kills the whole process group, and the job is CANCELLED', async (t) => {
  const pids = join(temporaryDirectory(t), 'pids');
  const worker = startTestWorker(t, api, endless(pids), { workerId: 'worker-cancel' });
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage > 0);
  assert.equal((await api.jobs.cancel(id)).state, 'CANCELLING');
  assert.equal((await jobEnd(api, id)).state, 'CANCELLED');
  await worker.line('cancelled');
  assert.deepEqual(runningOf(pids), []);
  await assert.rejects(api.jobs.transcript(id), { status: 404 });
});

test('a lost lease kills the engine and nothing is written', async (t) => {
  const pids = join(temporaryDirectory(t), 'pids');
  const worker = startTestWorker(t, api, endless(pids), { workerId: 'worker-robbed' });
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage > 0);
  const before = await api.jobs.get(id);
  // Its owner takes the worker's jobs away and gives them to another.
  await api.workers.terminate('worker-robbed');
  assert.equal(await worker.ended, 'terminated');
  await worker.line(/^lost/);
  assert.deepEqual(runningOf(pids), []);
  const now = await api.jobs.get(id);
  assert.equal(now.state, 'QUEUED');
  assert.equal(now.retry_info.attempt, before.retry_info.attempt, 'an attempt taken away does not count');
  await assert.rejects(api.jobs.transcript(id), { status: 404 });
  await api.jobs.cancel(id);
});

test('a worker cut off until its lease has expired is refused, and the other worker’s result is kept', async (t) => {
  const gate = join(temporaryDirectory(t), 'gate');
  spawnSync('mkfifo', [gate]);
  // Its claims and results come through, its heartbeats and reports don't.
  const cutOff: typeof fetch = (url, init) =>
    /heartbeat|progress/.test(String(url)) ? Promise.reject(new TypeError('cut off')) : fetch(url, init);
  const late = startTestWorker(
    t,
    new TranscriptionAPI({ baseUrl: url, fetch: cutOff }),
    `read line < ${gate}; echo late > "$2"`,
    { workerId: 'worker-late' },
  );
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ state, job }) => state === 'PROCESSING' && job.worker?.worker_id === 'worker-late');
  startTestWorker(t, api, 'echo in time > "$2"', { workerId: 'worker-other' });
  const job = await jobEnd(api, id);
  assert.equal(job.state, 'COMPLETED');
  assert.equal(job.worker?.worker_id, 'worker-other');
  spawnSync('sh', ['-c', `echo go > ${gate}`]);
  await late.line(/^lost/);
  assert.equal((await api.jobs.transcript(id)).text, 'in time');
  assert.deepEqual(await api.jobs.get(id), job, 'nothing was written');
});

test('a transcript stored by an earlier attempt is reused', async (t) => {
  const { id } = await submitAudio(api);
  await api.workers.register('worker-first', { capabilities: {} });
  const { jobs } = await api.workers.claim('worker-first');
  assert.equal(jobs[0]?.job.job_id, id);
  const text = 'of the first attempt';
  const segment = { id: 0, start_seconds: 0, end_seconds: 2, text, confidence: 0.5 };
  const transcript = { text, language: 'en', duration_seconds: 2, engine: 'first', segments: [segment] };
  const stored = await api.jobs.putTranscript(id, jobs[0]!.lease.token, transcript);
  assert.equal(stored.already_there, false);
  await api.workers.terminate('worker-first');

  const tries = join(temporaryDirectory(t), 'tries');
  startTestWorker(t, api, `echo try >> ${tries}; ${SPEAK}`, { workerId: 'worker-second' });
  const job = await jobEnd(api, id);
  assert.equal(job.state, 'COMPLETED');
  assert.equal(job.output.confidence_score, 0.5);
  assert.equal((await api.jobs.transcript(id)).text, 'of the first attempt');
  assert.throws(() => readFileSync(tries), 'no engine ran');
});

/** Of the pids in the file those that run, zombies apart. */
function runningOf(file: string): string[] {
  const pids = readFileSync(file, 'utf8').trim().split(' ');
  return pids.filter((pid) => {
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' });
    return stdout.trim() !== '' && !stdout.startsWith('Z');
  });
}

test('a suspect transcript is tried again with other options, or delivered as it is; the job says why it is suspect', async (t) => {
  const loop = 'thank you for watching '.repeat(20);
  const program = join(temporaryDirectory(t), 'program.cjs');
  writeFileSync(
    program,
    `require('fs').writeFileSync(process.argv[3], process.argv[2] === '1' ? '${loop}' : 'hello world')`,
  );
  const command = (tries: string) => `'${process.execPath}' '${program}' ${tries} {output} {input}`;
  for (const [workerId, onSuspect, tries, text] of [
    ['worker-retries', 'retry', '{try}', 'hello world'],
    ['worker-keeps', 'keep', '{try}', loop.trim()],
    ['worker-without-options', 'retry', '1', loop.trim()],
  ] as const) {
    const worker = startTestWorker(t, api, '', {
      workerId,
      onSuspect,
      engine: createExec({ command: command(tries) }),
    });
    const { id } = await submitAudio(api, wav(60));
    const { state, output } = await jobEnd(api, id);
    const suspect = text !== 'hello world';
    assert.deepEqual([state, output.suspect], ['COMPLETED', suspect], workerId);
    assert.deepEqual(
      output.warnings.map(({ code }) => code),
      suspect ? ['repetition'] : [],
    );
    const transcript = await api.jobs.transcript(id);
    assert.deepEqual([transcript.text, transcript.quality?.suspect], [text, suspect]);
    worker.drain();
    await worker.ended;
    const again = worker.lines.filter(({ message }) => /a second try/.test(message)).length;
    assert.equal(again, workerId === 'worker-retries' ? 1 : 0);
  }
});
