/**
 * Time and memory of `tmon check` on a long history: `node bench/parts/check.ts [log|folder|sqlite|postgres|mysql …]`.
 *
 * Each system is filled with the jobs of four weeks, of which one in a hundred failed and the last few run, and checked by the command
 * itself in processes of their own: twice, because a second look at a folder has a memory. `--jobs N` (1,000,000; 100,000 files),
 * `--checkout PATH` measures the command of another version, `--keep FOLDER` keeps what is made for the next run.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { JOB_STATUS_SQL } from '../../protocol/job-status-table.ts';
import { formatLogLine } from '../../protocol/log-line.ts';
import { formatTime } from '../../protocol/time.ts';
import type { DatabaseServer } from '../../test/servers/database.ts';
import { startMariadb } from '../../test/servers/mariadb.ts';
import { startPostgresql } from '../../test/servers/postgresql.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { jobs: { type: 'string' }, checkout: { type: 'string' }, keep: { type: 'string' } },
});
const systems = positionals.length > 0 ? positionals : ['log', 'folder', 'sqlite', 'postgres', 'mysql'];
const checkout = resolve(values.checkout ?? fileURLToPath(new URL('../..', import.meta.url)));

const DAY_MS = 86_400_000;
const SPAN_MS = 28 * DAY_MS;
const WORKERS = 64;

type Job = {
  job_id: string;
  worker_id: string;
  status: 'PROCESSING' | 'COMPLETED' | 'FAILED';
  started_ms: number;
  told_ms: number;
  percentage: number;
  error: string | null;
};

/** Oldest first. */
function* jobsOf(count: number, now_ms: number): Generator<Job> {
  const step_ms = SPAN_MS / count;
  for (let index = 0; index < count; index += 1) {
    const last = index >= count - WORKERS;
    const failed = !last && index % 100 === 99;
    const told_ms = Math.floor(now_ms - (count - index) * step_ms);
    yield {
      job_id: `job-${String(index).padStart(8, '0')}`,
      worker_id: `worker-${index % WORKERS}`,
      status: last ? 'PROCESSING' : failed ? 'FAILED' : 'COMPLETED',
      started_ms: told_ms - Math.floor(WORKERS * step_ms),
      told_ms,
      percentage: last ? 66 : 100,
      error: failed ? 'GPU out of memory' : null,
    };
  }
}

/** Four lines a job, those of the jobs that run at one time in turn. */
function makeLog(path: string, count: number, now_ms: number): void {
  const file = openSync(path, 'w');
  let text = '';
  let turn: Job[] = [];
  const write = (line: Parameters<typeof formatLogLine>[0] & { timestamp: string }) => {
    text += `${line.timestamp.slice(0, 10)} ${line.timestamp.slice(11, 19)},250 INFO transcriber: ${formatLogLine(line)}\n`;
    if (text.length > 1 << 20) flush();
  };
  const flush = () => {
    writeSync(file, text);
    text = '';
  };
  const tell = () => {
    for (const step of [0, 1, 2, 3]) {
      for (const { job_id, worker_id, status, started_ms, told_ms, error } of turn) {
        const timestamp = formatTime(Math.floor(started_ms + ((told_ms - started_ms) * step) / 3));
        const told = { job_id, worker_id, timestamp };
        if (step === 0) write({ ...told, event: 'JOB_START', audio_duration: 4860 });
        else if (step < 3) write({ ...told, event: 'JOB_PROGRESS', percentage: step * 33, stage: 'TRANSCRIBING' });
        else if (status === 'FAILED') write({ ...told, event: 'JOB_FAILED', error: error! });
        else if (status === 'COMPLETED') write({ ...told, event: 'JOB_COMPLETE', duration: 1200, segments: 150 });
      }
    }
    turn = [];
  };
  for (const job of jobsOf(count, now_ms)) {
    if (turn.push(job) === WORKERS) tell();
  }
  tell();
  flush();
  closeSync(file);
}

function makeFolder(path: string, count: number, now_ms: number): void {
  mkdirSync(join(path, 'jobs'), { recursive: true });
  for (const { job_id, worker_id, status, started_ms, told_ms, percentage, error } of jobsOf(count, now_ms)) {
    const file = join(path, 'jobs', `${job_id}.json`);
    const [started_at, updated_at] = [formatTime(started_ms), formatTime(told_ms)];
    const more = error === null ? {} : { error };
    writeFileSync(file, JSON.stringify({ job_id, worker_id, status, started_at, percentage, updated_at, ...more }));
    utimesSync(file, told_ms / 1000, told_ms / 1000);
  }
}

const COLUMNS = '(job_id, worker_id, status, started_at, updated_at, percentage, error_message)';
const sqlTime = (time_ms: number) => formatTime(time_ms).replace('T', ' ').replace('Z', '');

function makeSqlite(path: string, count: number, now_ms: number): void {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = OFF; ${JOB_STATUS_SQL.sqlite.create}; BEGIN`);
  const put = database.prepare(`INSERT INTO job_status ${COLUMNS} VALUES (?, ?, ?, ?, ?, ?, ?)`);
  for (const { job_id, worker_id, status, started_ms, told_ms, percentage, error } of jobsOf(count, now_ms)) {
    put.run(job_id, worker_id, status, sqlTime(started_ms), sqlTime(told_ms), percentage, error);
  }
  database.exec('COMMIT');
  database.close();
}

/** As literals, a thousand rows a statement. */
async function fill(count: number, now_ms: number, run: (sql: string) => Promise<unknown>): Promise<void> {
  let rows: string[] = [];
  const send = async () => {
    if (rows.length > 0) await run(`INSERT INTO job_status ${COLUMNS} VALUES ${rows.join(',')}`);
    rows = [];
  };
  const quoted = (text: string | null) => (text === null ? 'NULL' : `'${text}'`);
  for (const { job_id, worker_id, status, started_ms, told_ms, percentage, error } of jobsOf(count, now_ms)) {
    const texts = [job_id, worker_id, status, sqlTime(started_ms), sqlTime(told_ms)].map(quoted);
    rows.push(`(${texts.join(',')},${percentage},${quoted(error)})`);
    if (rows.length === 1000) await send();
  }
  await send();
}

async function fillPostgres(url: string, count: number, now_ms: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(JOB_STATUS_SQL.postgres.create);
  await fill(count, now_ms, (sql) => client.query(sql));
  await client.end();
}

async function fillMysql(url: string, count: number, now_ms: number): Promise<void> {
  const connection = await createConnection(url);
  await connection.query(JOB_STATUS_SQL.mysql.create);
  await fill(count, now_ms, (sql) => connection.query(sql));
  await connection.end();
}

/** Written by the checking process at its end. */
const PRELOAD = `data:text/javascript,${encodeURIComponent(`
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    process.stderr.write('USAGE ' + JSON.stringify({ cpu_s: (userCPUTime + systemCPUTime) / 1e6, rss_mb: maxRSS * 1024 / 1e6 }));
  });`)}`;

function check(system: string, url: string, state: string): void {
  for (const look of ['first look', 'second look']) {
    const began_ms = performance.now();
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', PRELOAD, join(checkout, 'bin/tmon.mjs'), 'check', url, '--since', '30d', '--state', state],
      { encoding: 'utf8', maxBuffer: 1 << 28 },
    );
    const wall_s = (performance.now() - began_ms) / 1000;
    const usage = /USAGE (.*)$/.exec(stderr)?.[1];
    if (usage === undefined) throw new Error(stderr);
    const { cpu_s, rss_mb } = JSON.parse(usage) as { cpu_s: number; rss_mb: number };
    console.log(
      `${system}, ${look}: ${cpu_s.toFixed(1)} s of CPU, ${wall_s.toFixed(1)} s, peak ${rss_mb.toFixed(0)} MB; ${stdout.split('\n').at(-2)}`,
    );
  }
}

const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'tmon-check-'));
mkdirSync(folder, { recursive: true });
const servers: DatabaseServer[] = [];
try {
  const now_ms = Date.now();
  for (const system of systems) {
    const count = Number(values.jobs ?? (system === 'folder' ? 100_000 : 1_000_000));
    const path = join(folder, `${system}-${count}`);
    const state = join(folder, `${system}-state.json`);
    rmSync(state, { force: true });
    const isMade = existsSync(path);
    let url = `${system === 'folder' ? 'dir' : system}:${path}`;
    if (system === 'log' && !isMade) makeLog(path, count, now_ms);
    else if (system === 'folder' && !isMade) makeFolder(path, count, now_ms);
    else if (system === 'sqlite' && !isMade) makeSqlite(path, count, now_ms);
    else if (system === 'postgres' || system === 'mysql') {
      const server = await (system === 'postgres' ? startPostgresql() : startMariadb());
      servers.push(server);
      url = server.url;
      await (system === 'postgres' ? fillPostgres : fillMysql)(url, count, now_ms);
    }
    check(system, url, state);
  }
} finally {
  for (const server of servers) await server.stop();
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
