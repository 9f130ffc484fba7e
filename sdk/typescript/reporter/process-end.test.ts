/** However a worker ends, what it has reported is in its system, or is sent by the worker's next process. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readRow } from '../../../protocol/job-status-rows.ts';
import { JOB_STATUS_SQL } from '../../../protocol/job-status-table.ts';
import { parseLogLine } from '../../../protocol/log-line.ts';
import { readStatusFile } from '../../../protocol/status-file.ts';
import { startNode } from '../../../test/processes/tmon.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';

const REPORTER = fileURLToPath(new URL('reporter.ts', import.meta.url));

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tmon-end-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A worker with a reporter `r`, run to its end. */
const work = (t: TestContext, url: string, body: string, environment: Record<string, string> = {}) =>
  startNode(
    t,
    [
      '--input-type=module',
      '-e',
      `import { Reporter } from ${JSON.stringify(REPORTER)};
       const r = Reporter.fromUrl(${JSON.stringify(url)}, { workerId: 'worker-1' });
       ${body}`,
    ],
    { environment },
  ).ended;

/** The state of job `a` in the system, and its progress. */
const SYSTEMS: Record<string, { url: (folder: string) => string; read: (folder: string) => unknown[] }> = {
  log: {
    url: (folder) => `log:${folder}/worker.log`,
    read: (folder) => {
      const lines = readFileSync(join(folder, 'worker.log'), 'utf8').trimEnd().split('\n');
      const last = parseLogLine(lines.at(-1)!);
      return last !== null && 'event' in last ? [last.event.replace('JOB_', ''), last.error] : ['unreadable'];
    },
  },
  dir: {
    url: (folder) => `dir:${folder}/status`,
    read: (folder) => {
      const file = readStatusFile(readFileSync(join(folder, 'status/jobs/a.json'), 'utf8'), 0);
      return 'state' in file ? [file.state, file.error] : ['unreadable'];
    },
  },
  sqlite: {
    url: (folder) => {
      const database = new DatabaseSync(join(folder, 'jobs.db'));
      database.exec(JOB_STATUS_SQL.sqlite.create);
      database.close();
      return `sqlite:${folder}/jobs.db`;
    },
    read: (folder) => {
      const database = new DatabaseSync(join(folder, 'jobs.db'));
      const [row] = database
        .prepare(JOB_STATUS_SQL.sqlite.since)
        .all(0)
        .map((found) => readRow(found));
      database.close();
      return row !== undefined && 'state' in row ? [row.state, row.error] : ['unreadable'];
    },
  },
};

const ENDS = {
  'an exception': "throw new Error('unhandled')",
  'an unhandled rejection': "void Promise.reject(new Error('unhandled'))",
  'process.exit': 'process.exit(3)',
};

for (const [system, { url, read }] of Object.entries(SYSTEMS)) {
  test(`${system}: has the failure that a worker reports before it ends by itself`, async (t) => {
    for (const [end, code] of Object.entries(ENDS)) {
      const folder = folderOf(t);
      const body = `r.jobStart('a'); r.jobProgress('a', 10); r.jobProgress('a', 20); r.jobFailed('a', new Error('boom')); ${code};`;
      const ended = await work(t, url(folder), body, { TMON_SPOOL: join(folder, 'spool') });
      assert.notEqual(ended.code, 0, end);
      assert.deepEqual(read(folder), ['FAILED', 'boom'], end);
      assert.doesNotMatch(ended.stderr, /transcription-monitor:/, end);
    }
  });

  test(`${system}: has what a killed worker has reported, at once or after its next start`, async (t) => {
    const folder = folderOf(t);
    const environment = { TMON_SPOOL: join(folder, 'spool') };
    const at = url(folder);
    const killed = await work(
      t,
      at,
      "r.jobStart('a'); r.jobFailed('a', 'boom'); process.kill(process.pid, 'SIGKILL');",
      environment,
    );
    assert.equal(killed.signal, 'SIGKILL');
    if (system === 'log') assert.deepEqual(read(folder), ['FAILED', 'boom']);
    const next = await work(t, at, '', environment);
    assert.deepEqual(read(folder), ['FAILED', 'boom']);
    if (system !== 'log') assert.match(next.stderr, /sends 2 reports that an earlier process of worker-1 had left/);
    const spool = system === 'log' ? [] : readdirSync(environment.TMON_SPOOL);
    assert.deepEqual(spool, []);
  });
}

test('what can’t be sent at the end is counted in one line, and the next process sends it', async (t) => {
  const folder = folderOf(t);
  const environment = { TMON_SPOOL: join(folder, 'spool') };
  const monitor = await openMonitor(t);
  const listen = new URL(monitor.url).host;
  await monitor.stop();
  const body = "r.jobStart('a'); r.jobFailed('a', 'boom'); r.jobProgress('b', 10); throw new Error('unhandled');";
  const ended = await work(t, monitor.url, body, environment);
  const said = ended.stderr.split('\n').filter((line) => line.startsWith('transcription-monitor:'));
  assert.deepEqual(said, [
    `transcription-monitor: ${monitor.url}: 3 reports were not sent; the next process of worker-1 sends 2 of them, from ${environment.TMON_SPOOL}; 1 dropped (closed)`,
  ]);
  const again = await openMonitor(t, { listen });
  await work(t, again.url, '', environment);
  const { body: job } = await again.get<{ state: string }>('/jobs/a');
  assert.equal(job.state, 'FAILED');
  assert.deepEqual(readdirSync(environment.TMON_SPOOL), []);
});

test('without a spool the line says how many reports are lost', async (t) => {
  const body = "r.jobStart('a'); r.jobFailed('a', 'boom'); process.exit();";
  const ended = await work(t, 'http://127.0.0.1:9', body, { TMON_SPOOL: 'off' });
  assert.equal(
    ended.stderr,
    'transcription-monitor: http://127.0.0.1:9: 2 reports were not sent; 2 dropped (closed)\n',
  );
});

test('close leaves what it could not send to the next process', async (t) => {
  const folder = folderOf(t);
  const environment = { TMON_SPOOL: join(folder, 'spool') };
  writeFileSync(join(folder, 'status'), 'no folder');
  const ended = await work(t, `dir:${folder}/status`, "r.jobFailed('a', 'boom'); await r.close(10);", environment);
  assert.match(ended.stderr, /1 reports were not sent; the next process of worker-1 sends 1 of them/);
  rmSync(join(folder, 'status'));
  await work(t, `dir:${folder}/status`, 'await r.close();', environment);
  assert.deepEqual(SYSTEMS.dir!.read(folder), ['FAILED', 'boom']);
});

test('a spool that can’t be written is said once, and costs no report', async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, 'status'));
  writeFileSync(join(folder, 'file'), '');
  const body = "r.jobStart('a'); r.jobFailed('a', 'boom');";
  const ended = await work(t, `dir:${folder}/status`, body, { TMON_SPOOL: join(folder, 'file/spool') });
  assert.deepEqual(SYSTEMS.dir!.read(folder), ['FAILED', 'boom']);
  assert.match(
    ended.stderr,
    /^transcription-monitor: dir:.*: reports that wait are lost if the process is killed: .*\n$/,
  );
});
