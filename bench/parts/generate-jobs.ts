/**
 * A year of finished jobs as column files, from a seed: long tails of durations, weekdays and nights, bursts, bad days
 * on which many fail, retries, unknown prices. DuckDB makes them, a day at a time; the same seed makes the same rows.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { ATTEMPT_COLUMNS, type Column, DUCKDB_TYPES, JOB_COLUMNS } from '../../server/analytics/tables.ts';

export type GeneratedFiles = { job_states: string[]; job_attempts: string[]; jobs: number };

export const FIRST_DAY = Date.parse('2025-01-01T00:00:00Z');
const DAY_MS = 86_400_000;

type Year = { jobs: number; days: number; seed: number };

/** Files that an earlier run left in this folder, if they are of the same year. */
export async function keptJobs(folder: string, year: Year): Promise<GeneratedFiles> {
  const path = join(folder, 'generated.json');
  const kept = await readFile(path, 'utf8').then(JSON.parse, () => null);
  if (kept?.year === JSON.stringify(year)) return kept.files as GeneratedFiles;
  const files = await generateJobs(folder, year);
  await writeFile(path, JSON.stringify({ year: JSON.stringify(year), files }));
  return files;
}

async function generateJobs(folder: string, { jobs, days, seed }: Year): Promise<GeneratedFiles> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '1GB' });
  const connection = await instance.connect();
  await connection.run(`SELECT setseed(${(seed % 1000) / 1000})`);
  const files: GeneratedFiles = { job_states: [], job_attempts: [], jobs: 0 };
  for (let day = 0; day < days; day++) {
    const weekday = new Date(FIRST_DAY + day * DAY_MS).getUTCDay();
    const share = (weekday === 0 || weekday === 6 ? 0.4 : 1.24) * (day % 29 === 7 ? 2.5 : 0.95);
    const n = Math.round((jobs / days) * share);
    await connection.run(makeDay(day, n));
    const [states, attempts] = ['states', 'attempts'].map((name) => join(folder, `${name}-${day}.parquet`));
    await connection.run(copy(`SELECT ${columns(JOB_COLUMNS)} FROM made ORDER BY completed_at, job_id`, states!));
    await connection.run(copy(attemptsOf(), attempts!));
    files.job_states.push(states!);
    files.job_attempts.push(attempts!);
    files.jobs += n;
  }
  connection.closeSync();
  instance.closeSync();
  return files;
}

function makeDay(day: number, n: number): string {
  const start = `TIMESTAMP '${new Date(FIRST_DAY + day * DAY_MS).toISOString().slice(0, 19)}'`;
  const bad = day % 47 === 11;
  const tail = (median: number, spread: number) =>
    `${median} * exp(${spread} * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))`;
  return `
    CREATE OR REPLACE TEMP TABLE made AS
    WITH rolled AS (
      SELECT range AS n, ${start} + to_milliseconds((86399999 * (random() + random()) / 2)::BIGINT) AS completed_at,
        ${tail(900, 1.1)} AS duration, (random() * 400)::INT AS worker, random() AS r1, random() AS r2, random() AS r3,
        random() AS r4, ${tail(8, 1.3)} AS download, ${tail(20, 1.6)} AS queue
      FROM range(${n})
    ), priced AS (
      SELECT *, worker % 4 AS kind, CASE WHEN r1 < ${bad ? 0.2 : 0.02} THEN 'FAILED' WHEN r1 < ${bad ? 0.22 : 0.03} THEN 'CANCELLED' ELSE 'COMPLETED' END AS state,
        CASE WHEN r2 < 0.05 THEN 2 ELSE 1 END AS runs
      FROM rolled
    ), timed AS (
      SELECT *, round(duration / [30, 12, 55, 4][kind + 1] * (0.8 + r3) + download, 3) AS processing FROM priced
    )
    SELECT
      printf('job-%04d-%07d', ${day}, n) AS job_id, state, ['high', 'normal', 'low'][1 + (r4 * 3)::INT % 3] AS priority,
      'json' AS output_format, completed_at - to_milliseconds(((processing + queue) * 1000)::BIGINT) AS created_at,
      completed_at AS updated_at, completed_at - to_milliseconds((processing * 1000)::BIGINT) AS started_at, completed_at,
      's3://audio/' || (n % 50) || '/' || n || '.mp3' AS audio_url, 's3://audio/' || (n % 50) AS audio_source,
      round(duration, 3) AS duration_seconds, (duration * 16000)::BIGINT AS file_size_bytes, runs AS attempt, runs,
      3 AS max_attempts, 'worker-' || worker AS worker_id, 'i-' || worker AS instance_id,
      ['large-v3', 'medium', 'turbo', 'small'][kind + 1] AS model, ['cuda', 'cuda', 'cuda', 'cpu'][kind + 1] AS device,
      ['g5.xlarge', 'g4dn.xlarge', 'g6.xlarge', 'c7g.large'][kind + 1] AS instance_type,
      round(40 + 60 * r3, 1) AS gpu_usage, round(queue, 3) AS queue_time_seconds, processing AS processing_time_seconds,
      round(download, 3) AS download_time_seconds, round(processing * runs, 3) AS instance_time_seconds,
      round(duration / processing, 3) AS throughput_factor,
      CASE WHEN r4 < 0.03 THEN NULL ELSE round(processing * runs * [1.006, 0.526, 0.805, 0.073][kind + 1] / 3600, 6) END AS cost_usd,
      NULL::DOUBLE AS estimated_cost_usd, (duration / 4)::BIGINT AS segments_count, round(0.7 + 0.3 * r2, 3) AS confidence_score,
      's3://transcripts/' || n || '.json' AS transcript_url,
      CASE WHEN state = 'FAILED' THEN ['crashed', 'gpu_out_of_memory', 'audio_unreadable'][1 + n % 3] END AS error_code,
      CASE WHEN state = 'FAILED' THEN 'as it happens' END AS error_message,
      CASE n % 5 WHEN 0 THEN ['night', 'calls'] WHEN 1 THEN ['calls'] ELSE []::VARCHAR[] END AS tags,
      NULL::VARCHAR AS metadata, NULL::VARCHAR AS source, n AS version
    FROM timed`;
}

/** One for each run, all of the same length. */
function attemptsOf(): string {
  const values: Record<string, string> = {
    run: 'r.range',
    attempt: 'r.range',
    ended_at: 'completed_at',
    cost_usd: 'round(cost_usd / runs, 6)',
    error_code: `CASE WHEN r.range < runs THEN 'crashed' ELSE error_code END`,
  };
  const list = ATTEMPT_COLUMNS.map(({ name, type }) => `(${values[name] ?? name})::${DUCKDB_TYPES[type]} AS ${name}`);
  return `SELECT ${list.join(', ')} FROM made, range(1, 3) r WHERE r.range <= runs ORDER BY runs <= 1, job_id, run`;
}

const columns = (of: readonly Column[]): string =>
  of.map(({ name, type }) => `${name}::${DUCKDB_TYPES[type]} AS ${name}`).join(', ');

const copy = (select: string, path: string): string =>
  `COPY (${select}) TO '${path}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 122880)`;
