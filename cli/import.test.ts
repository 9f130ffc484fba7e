/** `tmon import`: history into a monitor, once, and again without duplicates. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../protocol/sighting.ts';
import { Reporter } from '../sdk/typescript/reporter/reporter.ts';
import { type Cleaning, runTmon, startTestMonitor, startTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { Caller, type Json } from '../test/servers/monitor.ts';
import { Outbox } from './import/outbox.ts';

const { url, api } = await startTestMonitor({ after });

const take = (t: Cleaning, ...args: string[]) => runTmon(t, ['import', '--server', url, ...args]);

async function taken(t: Cleaning, ...args: string[]) {
  const { code, stdout, stderr } = await take(t, '--json', ...args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

const BEGIN_MS = Date.parse('2025-07-07T19:30:00Z');

/** Three jobs, one of each end, in lines of a year that is over. */
function history(prefix: string): string[] {
  let at_ms = BEGIN_MS;
  const line = (event: string, job: number, more: object = {}) => {
    at_ms += 10_000;
    const told = {
      event,
      job_id: `${prefix}-${job}`,
      worker_id: 'worker-old',
      timestamp: new Date(at_ms).toISOString(),
    };
    return `INFO TRANSCRIPTION_EVENT ${JSON.stringify({ ...told, ...more })}\n`;
  };
  return [
    line('JOB_START', 1, { audio_duration: 60 }),
    line('JOB_START', 2),
    line('JOB_PROGRESS', 1, { percentage: 50 }),
    line('JOB_COMPLETE', 1, { segments: 3 }),
    line('JOB_START', 3),
    line('JOB_FAILED', 2, { error: 'GPU out of memory' }),
  ];
}

/** All there is of each job, and the figures, in words that compare. */
async function everything(from = api) {
  const jobs = [];
  for await (const job of from.jobs.list()) jobs.push(job);
  // What has left memory is listed after what is in it.
  jobs.sort((a, b) => (a.job_id < b.job_id ? -1 : 1));
  // How much of the hour a monitor has measured grows by itself.
  const { measured_seconds: _, ...hour } = (await from.system.metrics()).hour;
  return JSON.stringify([jobs, hour]);
}

test('a log is imported once: its jobs with their own times, its counts as grep counts them', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, history('once').join(''));
  const first = await taken(t, path);
  const lines = readFileSync(path, 'utf8').split('\n');
  const grep = (word: string) => lines.filter((line) => line.includes(word)).length;
  assert.equal(first.looked_at, 6);
  assert.deepEqual(first.jobs, {
    total: grep('JOB_START'),
    QUEUED: 0,
    PROCESSING: 1,
    COMPLETED: grep('JOB_COMPLETE'),
    FAILED: grep('JOB_FAILED'),
  });
  assert.deepEqual(first.sent, { taken: 3, known: 0, refused: 0, refusals: [] });
  const job = await api.jobs.get('once-1');
  assert.deepEqual(
    [job.state, job.started_at, job.completed_at],
    ['COMPLETED', '2025-07-07T19:30:10Z', '2025-07-07T19:30:40Z'],
  );
  const before = await everything();
  const again = await taken(t, path);
  assert.deepEqual(again.sent, { taken: 0, known: 3, refused: 0, refusals: [] });
  assert.equal(await everything(), before);
  for await (const worker of api.workers.list()) assert.notEqual(worker.worker_id, 'worker-old');
});

test('importing again, after a restart and in another order of files, duplicates nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const monitor = await startTestMonitor(t);
  const into = (file: string) => taken(t, '--server', monitor.url, join(directory, file));
  const lines = history('twice');
  writeFileSync(join(directory, 'a.log'), lines.slice(0, 3).join(''));
  writeFileSync(join(directory, 'b.log'), lines.slice(3).join(''));
  await into('b.log');
  await into('a.log');
  const before = await everything(monitor.api);
  await monitor.kill();
  await monitor.restart();
  for (const file of ['a.log', 'b.log']) assert.equal((await into(file)).sent.taken, 0);
  assert.equal(await everything(monitor.api), before);
  const job = await monitor.api.jobs.get('twice-2');
  assert.equal(job.state_history[0]!.timestamp, job.started_at);
  assert.deepEqual(
    [job.state, job.started_at, job.retry_info.last_error?.message],
    ['FAILED', '2025-07-07T19:30:20Z', 'GPU out of memory'],
  );
});

test('only what was added since is imported', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const lines = history('grown');
  writeFileSync(path, lines.slice(0, 4).join(''));
  assert.equal((await taken(t, path)).sent.taken, 2);
  appendFileSync(path, lines.slice(4).join(''));
  assert.deepEqual((await taken(t, path)).sent, { taken: 2, known: 1, refused: 0, refusals: [] });
});

test('a folder of status files is imported like a log', async (t) => {
  const folder = `dir:${temporaryDirectory(t)}`;
  const reporter = Reporter.fromUrl(folder, { workerId: 'worker-1' });
  reporter.jobStart('folder-1');
  reporter.jobComplete('folder-1', { segments: 3 });
  await reporter.close();
  assert.deepEqual((await taken(t, folder)).sent, { taken: 1, known: 0, refused: 0, refusals: [] });
  assert.equal((await api.jobs.get('folder-1')).metadata.source, folder);
});

test('a job of any name is imported, and found by that name', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'jobs'));
  const name = 'uploads/Meeting 1.mp3';
  writeFileSync(join(root, 'jobs', 'a.json'), JSON.stringify({ job_id: name, status: 'FAILED', error: 'noise' }));
  assert.deepEqual((await taken(t, `dir:${root}`)).sent, { taken: 1, known: 0, refused: 0, refusals: [] });
  const { code, stdout, stderr } = await runTmon(t, ['job', '--json', '--server', url, name]);
  assert.equal(code, 0, stderr);
  const job = JSON.parse(stdout);
  assert.deepEqual([job.state, job.metadata], ['FAILED', { reported_id: name, source: `dir:${root}` }]);
});

test('a dry run counts but sends nothing', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, history('dry').join(''));
  const { code, stdout } = await runTmon(t, ['import', '--dry-run', '--server', 'http://127.0.0.1:9', path]);
  assert.equal(code, 0);
  assert.match(stdout, /6 read in .*\n3 jobs: 1 PROCESSING, 1 COMPLETED, 1 FAILED\ndry run: nothing was sent\n/);
});

test('unreadable lines are counted and listed; the others are imported, with exit code 1', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, ['TRANSCRIPTION_EVENT {"event": "JOB_ST\n', ...history('cut')].join(''));
  const { code, stdout, stderr } = await take(t, path);
  assert.equal(code, 1);
  assert.equal((await take(t, path, '--unreadable-allowed', '1')).code, 0);
  assert.match(stdout, /3 imported, 0 already known, 0 refused/);
  assert.match(stderr, /1 unreadable:\n {2}.*1.*: ./);
});

test('importing from where no job is found is exit code 1', async (t) => {
  const path = join(temporaryDirectory(t), 'other.log');
  writeFileSync(path, 'GET /index.html 200\n');
  const { code, stderr } = await take(t, path);
  assert.equal(code, 1);
  assert.match(stderr, /^no job was found in log:\S+: 1 read, none of them a report about a job$/m);
  // History that is merely older than --since is there.
  writeFileSync(path, history('older').join(''));
  assert.equal((await take(t, path, '--since', '1h')).code, 0);
});

test('a job of the monitor’s own queue is refused and listed', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const { id } = await api.jobs.submit({ audio_url: 's3://bucket/a.mp3' });
  writeFileSync(path, history('mine').join('').replaceAll('mine-1', id));
  const { sent } = await taken(t, path);
  assert.deepEqual([sent.taken, sent.refused, sent.refusals[0].job_id], [2, 1, id]);
  assert.equal((await api.jobs.get(id)).state, 'QUEUED');
});

test('a missing source or monitor is one line, a hint and its own exit code', async (t) => {
  const nothing = await take(t, join(temporaryDirectory(t), 'absent.log'));
  assert.deepEqual([nothing.code, nothing.stdout], [4, '']);
  assert.match(nothing.stderr, /does not exist.*\nhint: ./);
  assert.equal((await take(t, 'gopher://what')).code, 2);
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, history('nobody').join(''));
  assert.equal((await runTmon(t, ['import', '--server', 'http://127.0.0.1:9', path])).code, 3);
});

test('a job is in one request at a time, and newer reports of it follow', async () => {
  const told = (more: Partial<Sighting>): Sighting => ({
    job_id: 'job-1',
    state: 'PROCESSING',
    told_ms: BEGIN_MS,
    ...NOTHING_KNOWN,
    ...more,
  });
  const requests: { jobs: string[]; answer: () => void }[] = [];
  let asked = () => {};
  const outbox = new Outbox((jobs) => {
    const answer = Promise.withResolvers<void>();
    requests.push({ jobs: jobs.map(({ job_id, state }) => `${job_id} ${state}`), answer: answer.resolve });
    asked();
    return answer.promise.then(() => ({ taken: jobs.length, known: 0, refused: [] }));
  });
  const others = Array.from({ length: 999 }, (_, i) =>
    told({ job_id: `job-x${i}`, state: 'COMPLETED', ended_ms: BEGIN_MS }),
  );
  await outbox.add([told({ state: 'FAILED', ended_ms: BEGIN_MS }), ...others]);
  assert.deepEqual([requests.length, requests[0]!.jobs[0]], [1, 'job-1 FAILED']);
  await outbox.add([told({ told_ms: BEGIN_MS + 1000, started_ms: BEGIN_MS + 1000 })]);
  const second = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const flushed = outbox.flush();
  assert.equal(requests.length, 1, 'the second waits for the first');
  requests[0]!.answer();
  await second;
  assert.deepEqual(requests[1]!.jobs, ['job-1 PROCESSING']);
  requests[1]!.answer();
  await flushed;
  assert.equal(outbox.taken, 1001);
});

test('serve --source, given twice, follows both', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'a log.log'), history('first').join(''));
  writeFileSync(join(directory, 'b.log'), history('second').join(''));
  const sources = ['a log.log', 'b.log'].flatMap((name) => ['--source', `log:${join(directory, name)}`]);
  const args = [
    '--store',
    `dir:${directory}/store`,
    '--listen',
    '127.0.0.1:0',
    '--source-since-ms',
    String(100 * 365 * 86_400_000),
  ];
  const serve = startTmon(t, ['serve', '--json', ...args, ...sources]);
  const [, address = ''] = await serve.line(/^\{"url":"([^"]+)"/);
  const monitor = new Caller(address);
  for (const [prefix, name] of [
    ['first', 'a log.log'],
    ['second', 'b.log'],
  ]) {
    const { items } = await monitor.until('/jobs', (page) =>
      page.items.some((one: Json) => one.job_id === `${prefix}-1`),
    );
    const job = items.find((one: Json) => one.job_id === `${prefix}-1`);
    assert.deepEqual([job.state, job.metadata.source], ['COMPLETED', `log:${join(directory, name!)}`]);
  }
});
