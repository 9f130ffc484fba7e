/** The command line as scripts and people use it: real processes against a real monitor. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTmon, startTestMonitor, startTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { wav } from '../test/processes/wav.ts';
import { Caller } from '../test/servers/monitor.ts';
import { submit } from '../test/servers/steps.ts';

const { url, api } = await startTestMonitor({ after });
const environment = { TMON_SERVER: url };
const directory = temporaryDirectory({ after });
const recording = join(directory, 'tone one.wav');
writeFileSync(recording, wav(1));

const tmon = (t: { after(run: () => void | Promise<void>): void }, ...args: string[]) =>
  runTmon(t, args, { environment });

/** A worker beside it, for as long as the test lasts. */
async function withWorker(t: { after(run: () => void | Promise<void>): void }, script: string) {
  const worker = startTmon(t, ['worker', '--engine', `exec:sh -c '${script}' sh {input} {output}`], { environment });
  await worker.line(/ ready /);
}

test('--help is a tutorial that covers every command and exit code', async (t) => {
  const { code, stdout } = await tmon(t, '--help');
  assert.equal(code, 0);
  const commands =
    'serve worker submit watch top jobs job transcript transcripts cancel retry workers policies actions reconcile queue alerts doctor rebuild sql costs bottlenecks analytics check logs db aws recommend import';
  for (const command of commands.split(' ')) {
    assert.match(stdout, new RegExp(`^.*tmon ${command}\\b`, 'm'), command);
    const help = await tmon(t, command, '--help');
    assert.deepEqual([help.code, help.stderr], [0, ''], command);
  }
  assert.match(stdout, /Exit codes: 0 success; 1 .*; 2 .*; 3 .*; 4 .*5 .*6 /s);
});

test('--version is that of the package; help COMMAND is COMMAND --help', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  for (const option of ['--version', '-V']) {
    const { code, stdout } = await tmon(t, option);
    assert.deepEqual([code, stdout], [0, `${version}\n`]);
  }
  assert.deepEqual(await tmon(t, 'help', 'logs', 'stuck'), await tmon(t, 'logs', 'stuck', '--help'));
  assert.deepEqual(await tmon(t, 'help'), await tmon(t, '--help'));
  const { code, stderr } = await tmon(t, 'help', 'nosuch');
  assert.equal(code, 2);
  assert.match(stderr, /nosuch/);
});

/** Prints, at the end of a program, the files of ours that it has loaded. */
const LIST_LOADED = `import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
  process.on('exit', () => console.log(loaded.filter((url) => url.endsWith('.ts')).join('\\n')));`;

test('--version, --help and a mistyped command load no command', () => {
  const program = fileURLToPath(new URL('./main.ts', import.meta.url));
  const preload = `data:text/javascript,${encodeURIComponent(LIST_LOADED)}`;
  for (const argument of ['--version', '--help', 'sumbit']) {
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', preload, program, argument], {
      encoding: 'utf8',
    });
    const loaded = stdout.split('\n').filter((line) => line.startsWith('file:'));
    assert.ok(loaded.length > 1 && loaded.length < 10, loaded.join('\n'));
    if (argument === 'sumbit') assert.match(stderr, /submit/);
  }
});

test('bad usage is exit code 2: one line, and a hint', async (t) => {
  for (const args of [
    ['no-such-command'],
    ['jobs', '--no-such-option'],
    ['jobs', '--state', 'SLEEPING'],
    ['jobs', '--after', 'whenever'],
    ['submit'],
    ['submit', recording, '--priority', 'highest'],
    ['submit', directory],
    ['submit', 'ftp://example.com/a.mp3'],
    ['queue', 'middle'],
    ['queue', '--purge'],
    ['workers', '--drain'],
    ['serve', '--retention-ms', '5'],
    ['serve', '--listen', 'here'],
    ['worker', '--max-jobs', 'many'],
    ['jobs', '--server', 'ftp://x'],
  ]) {
    const { code, stdout, stderr } = await tmon(t, ...args);
    assert.deepEqual([code, stdout], [2, ''], `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /^tmon: [^\n]+\nhint: [^\n]+\n$/, args.join(' '));
  }
});

test('an unreachable monitor is exit code 3, and the hint shows how to start one', async (t) => {
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  const args = ['--server', `127.0.0.1:${port}`];
  const { code, stderr } = await tmon(t, 'jobs', ...args);
  assert.equal(code, 3);
  assert.match(stderr, /^tmon: no response from http:\/\/127\.0\.0\.1:\d+: connection refused\nhint: .*tmon serve/);
  assert.equal((await tmon(t, 'watch', 'job-1', ...args)).code, 3);
  const asJson = await tmon(t, 'jobs', '--json', ...args);
  assert.equal(JSON.parse(asJson.stderr).error.code, 'unreachable');
});

test('a missing thing is exit code 4, a refused one 5', async (t) => {
  for (const args of [
    ['job', 'job-none'],
    ['watch', 'job-none'],
    ['transcript', 'job-none'],
    ['cancel', 'job-none'],
    ['workers', 'worker-none'],
    ['submit', join(directory, 'none.wav')],
  ]) {
    const { code, stderr } = await tmon(t, ...args);
    assert.equal(code, 4, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /^tmon: /);
  }
  const { id } = await api.jobs.submit({ audio_url: 's3://bucket/a.mp3' });
  assert.equal((await tmon(t, 'retry', id)).code, 5);
  assert.equal((await tmon(t, 'cancel', id)).code, 0);
});

test('a file is uploaded, submitted and watched to its transcript; a pipe gets plain lines', async (t) => {
  await withWorker(t, 'echo "chunk 1/2"; echo "good morning" > "$2"');
  const { code, stdout, stderr } = await tmon(
    t,
    'submit',
    recording,
    '--watch',
    '--tag',
    'greeting',
    '--meta',
    'who=me',
  );
  assert.equal(code, 0, stderr);
  assert.ok(!`${stdout}${stderr}`.includes('\u001b'), 'no colours, no bars');
  assert.equal(stdout, 'good morning\n', 'for `> file`: the transcript alone');
  const [submitted, ...updates] = stderr.trimEnd().split('\n');
  const [id = '', name] = submitted!.split('\t');
  assert.match(id, /^job-/);
  assert.equal(name, 'tone one.wav');
  assert.ok(updates.every((line) => line.startsWith(`${id} `)));
  assert.equal(updates.at(-1), `${id} COMPLETED`);

  assert.equal((await tmon(t, 'transcript', id)).stdout, 'good morning\n');
  assert.match((await tmon(t, 'transcript', id, '--format', 'srt')).stdout, /^1\n00:00:00,000 --> /);
  const verbose = await tmon(t, 'transcript', id, '--format', 'verbose_json');
  assert.equal(JSON.parse(verbose.stdout).segments[0].text, 'good morning');
  const job = JSON.parse((await tmon(t, 'job', id, '--json')).stdout);
  assert.deepEqual([job.state, job.tags, job.metadata], ['COMPLETED', ['greeting'], { who: 'me' }]);
  assert.match((await tmon(t, 'job', id)).stdout, /^state +COMPLETED.*\n/m);
  assert.equal((await tmon(t, 'watch', id)).stdout, `${id} COMPLETED\n`);
  const workers = (await tmon(t, 'workers', '--json')).stdout.trimEnd().split('\n');
  assert.ok(workers.some((line) => JSON.parse(line).worker_id === job.worker.worker_id));
});

test('a job that fails makes --wait and --watch end with 1', async (t) => {
  await withWorker(t, 'exit 1');
  for (const how of ['--wait', '--watch']) {
    const { code } = await tmon(t, 'submit', recording, how, '--max-attempts', '1');
    assert.equal(code, 1, how);
  }
  const { stdout } = await tmon(t, 'queue', 'dlq', '--redrive', '--dry-run', '--error-code', 'engine_crashed');
  const dead = stdout.trimEnd().split('\n');
  assert.equal(dead.length, 2);
  assert.match((await tmon(t, 'jobs', '--state', 'failed')).stdout, new RegExp(`^${dead[0]}\tFAILED\t`, 'm'));
  const unasked = await tmon(t, 'queue', 'dlq', '--purge');
  assert.deepEqual([unasked.code, /drops 2 jobs.*--yes/s.test(unasked.stderr)], [2, true]);
  assert.equal((await tmon(t, 'queue', 'dlq', '--purge', '--yes')).stdout, stdout);
  assert.equal(
    (await tmon(t, 'queue', 'dlq', '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))[0].messages_visible,
    0,
  );
});

test('--json prints one document per line, in lists and in streams', async (t) => {
  for (let n = 0; n < 3; n += 1) await api.jobs.submit({ audio_url: `s3://bucket/${n}.mp3`, tags: ['listed'] });
  const { stdout } = await tmon(t, 'jobs', '--tag', 'listed', '--json', '--limit', '0');
  const jobs = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    jobs.map((job) => job.input.s3_path),
    ['s3://bucket/2.mp3', 's3://bucket/1.mp3', 's3://bucket/0.mp3'],
  );
  const two = await tmon(t, 'jobs', '--tag', 'listed', '--limit', '2');
  assert.equal(two.stdout.trimEnd().split('\n').length, 2);
  const cancelled = await tmon(t, 'cancel', '--json', ...jobs.map((job) => job.job_id));
  assert.deepEqual(
    cancelled.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).state),
    Array(3).fill('CANCELLED'),
  );
  const watched = await tmon(t, 'watch', '--json', jobs[0].job_id);
  assert.equal(watched.code, 1);
  assert.equal(JSON.parse(watched.stdout).state, 'CANCELLED');
});

test('a closed pipe ends a command silently', async (t) => {
  for (let n = 0; n < 50; n += 1) await api.jobs.submit({ audio_url: `s3://bucket/many-${n}.mp3`, tags: ['many'] });
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const script = `"${process.execPath}" "${main}" jobs --tag many --limit 0 --json | head -1; exit \${PIPESTATUS[0]}`;
  const shell = spawn('bash', ['-c', script], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => void shell.kill());
  let stdout = '';
  let stderr = '';
  shell.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes;
  });
  shell.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes;
  });
  const [code] = await once(shell, 'close');
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(JSON.parse(stdout).tags[0], 'many');
  await api.queues.purge('main', { filter: { tag: 'many' } });
});

test('a port in use is refused with a hint', async (t) => {
  const store = `dir:${join(directory, 'other')}`;
  const { code, stderr } = await tmon(t, 'serve', '--store', store, '--listen', new URL(url).host);
  assert.equal(code, 5);
  assert.match(stderr, /^tmon: \S+ is already in use\nhint: .*--listen/);
});

test('doctor checks a directory, and reports problems of an unusable one', async (t) => {
  const fresh = join(directory, 'fresh');
  const missing = await tmon(t, 'doctor', '--store', `dir:${fresh}`);
  assert.equal(missing.code, 4);
  assert.match(missing.stderr, /fresh does not exist/);
  assert.equal(existsSync(fresh), false, 'a wrong name does not create a folder');
  mkdirSync(fresh);
  const good = await tmon(t, 'doctor', '--store', `dir:${fresh}`);
  assert.equal(good.code, 0, good.stdout + good.stderr);
  assert.deepEqual(readdirSync(fresh), []);
  assert.match(good.stdout, /^pass {2}a race has one winner: /m);
  const file = join(directory, 'a-file');
  mkdirSync(join(directory, 'sub'), { recursive: true });
  writeFileSync(file, 'x');
  const bad = await tmon(t, 'doctor', '--store', `dir:${file}`);
  assert.notEqual(bad.code, 0);
  assert.match(bad.stdout + bad.stderr, /hint: /);
});

test('rebuild: a dry run says what it would do; what is no store is left as it is', async (t) => {
  const missing = join(directory, 'no-store');
  for (const options of [[], ['--dry-run']]) {
    const none = await tmon(t, 'rebuild', '--store', `dir:${missing}`, ...options);
    assert.equal(none.code, 4);
    assert.match(none.stderr, /no-store does not exist/);
    assert.equal(existsSync(missing), false);
  }
  const empty = temporaryDirectory(t);
  const nothing = await tmon(t, 'rebuild', '--store', `dir:${empty}`);
  assert.equal(nothing.code, 4);
  assert.match(nothing.stderr, /holds no journal/);
  assert.deepEqual(readdirSync(empty), []);

  const monitor = await startTestMonitor(t);
  await submit(new Caller(monitor.url));
  await monitor.stop();
  rmSync(join(monitor.directory, 'queues'), { recursive: true });
  mkdirSync(join(monitor.directory, 'jobs/active/gone'));
  writeFileSync(join(monitor.directory, 'jobs/active/gone/state.json'), '{"as_of_seq": 1}');
  writeFileSync(join(monitor.directory, 'jobs/notes.txt'), 'mine');
  const dry = await tmon(t, 'rebuild', '--store', `dir:${monitor.directory}`, '--dry-run');
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(
    dry.stdout,
    /^would write: 2\n {2}queues\/ 2\n {2}for example queues\/(main|dead-letter)-queue\.json, /m,
  );
  assert.match(dry.stdout, /^would delete: 1\n {2}jobs\/ 1\n {2}for example jobs\/active\/gone\/state\.json$/m);
  assert.match(dry.stdout, /^foreign: 1\n {2}jobs\/ 1\n {2}for example jobs\/notes\.txt$/m);
  assert.equal(existsSync(join(monitor.directory, 'queues')), false);
  const done = await tmon(t, 'rebuild', '--store', `dir:${monitor.directory}`);
  assert.match(done.stdout, /^written: 2\nunchanged: \d+\ndeleted: 1\nforeign: 1$/m);
  assert.deepEqual(readdirSync(join(monitor.directory, 'jobs/active')).includes('gone'), false);
  assert.equal(existsSync(join(monitor.directory, 'jobs/notes.txt')), true);
});

test('serve ends with 0 on SIGTERM, and keeps everything for the next start', async (t) => {
  const store = join(temporaryDirectory(t), 'store');
  const start = async () => {
    const child = startTmon(t, [
      'serve',
      '--json',
      '--store',
      `dir:${store}`,
      '--listen',
      '127.0.0.1:0',
      '--log-level',
      'warn',
    ]);
    const [, at = ''] = await child.line(/^\{"url":"([^"]+)"/);
    return { child, at };
  };
  const first = await start();
  const submitted = await tmon(t, 'submit', 's3://bucket/kept.mp3', '--json', '--server', first.at);
  first.child.kill('SIGTERM');
  assert.equal((await first.child.ended).code, 0);
  const second = await start();
  const { stdout } = await tmon(t, 'job', JSON.parse(submitted.stdout).job_id, '--json', '--server', second.at);
  assert.equal(JSON.parse(stdout).input.s3_path, 's3://bucket/kept.mp3');
});
