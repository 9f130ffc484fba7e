/** The systems into which a history is written: by hand, as people do, or by a reporter of either language. */
import { appendFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JOB_STATUS_SQL } from '../../protocol/job-status-table.ts';
import { reportedId } from '../../protocol/reported-id.ts';
import type { SightedState } from '../../protocol/sighting.ts';
import { offsetInZone, type Zone } from '../../protocol/zone.ts';
import { eventOf, type Reported } from './fleet-history.ts';
import type { Reporters } from './reporters.ts';

/** Of one history. */
export interface System {
  /** As a reader opens it. */
  readonly url: string;
  write(reports: readonly Reported[]): Promise<void>;
  /** If it has a clock of its own. */
  reach?(now_ms: number): Promise<void>;
  close(): Promise<void>;
}

export const ZONES: readonly Zone[] = [0, 'America/New_York', 330];

/** Local times of a zone and no zone in them. */
export const BY_HAND = ['json log', 'plain log', 'status files', 'printed status files', 'table'] as const;
/** Logs in three forms: JSON, plain behind the prefix of a container's runtime, and JSON in Docker's. */
export const REPORTED = ['json log', 'CRI log', 'docker log', 'status files', 'table'] as const;

/** What `datetime.now().isoformat()` prints there. */
export const localTime = (time_ms: number, zone: Zone): string =>
  new Date(time_ms + offsetInZone(time_ms, zone) * 60_000).toISOString().slice(0, 23);

export function openByHand(kind: (typeof BY_HAND)[number], folder: string, zone: Zone): System {
  const at = (time_ms: number | null) => (time_ms === null ? null : localTime(time_ms, zone));
  switch (kind) {
    case 'json log':
      return logSystem(folder, (told) => {
        const { job_id, worker_id, percentage, error } = told;
        const event = { event: eventOf(told), job_id, worker_id, timestamp: at(told.at_ms), percentage, error };
        return `INFO:worker:TRANSCRIPTION_EVENT ${JSON.stringify(event)}`;
      });
    case 'plain log':
      return logSystem(folder, (told) => {
        const { job_id, worker_id, percentage, error } = told;
        const more = error === null ? (percentage === null ? '' : ` percentage=${percentage}`) : ` error=${error}`;
        const id = /^[\w-]+$/.test(job_id) ? job_id : JSON.stringify(job_id);
        return `${at(told.at_ms)!.replace('T', ' ').replace('.', ',')} INFO ${eventOf(told)} job_id=${id} worker_id=${worker_id}${more}`;
      });
    case 'status files':
    case 'printed status files':
      mkdirSync(join(folder, 'jobs'));
      return {
        url: `dir:${folder}`,
        async write(reports) {
          for (const { job_id, worker_id, state, started_ms, percentage, error, at_ms } of lastOfEach(reports)) {
            const file = join(folder, 'jobs', `${reportedId(job_id)!.job_id}.json`);
            const status = WORDS[state];
            // The documents' own example has no updated_at: the file's time is that.
            const updated = kind === 'status files' ? { updated_at: at(at_ms) } : {};
            const body = { job_id, worker_id, status, started_at: at(started_ms), percentage, error, ...updated };
            writeFileSync(file, JSON.stringify(body));
            utimesSync(file, at_ms / 1000, at_ms / 1000);
          }
        },
        async close() {},
      };
    case 'table': {
      const database = makeTable(join(folder, 'jobs.db'));
      const put = database.prepare('INSERT OR REPLACE INTO job_status VALUES (?, ?, ?, ?, ?, ?, ?)');
      return {
        url: `sqlite:${join(folder, 'jobs.db')}`,
        async write(reports) {
          database.exec('BEGIN');
          for (const { job_id, worker_id, state, started_ms, percentage, error, at_ms } of lastOfEach(reports)) {
            put.run(job_id, worker_id, WORDS[state], at(started_ms), at(at_ms), percentage, error);
          }
          database.exec('COMMIT');
        },
        async close() {
          database.close();
        },
      };
    }
  }
}

export const WORDS: Record<SightedState, string> = {
  QUEUED: 'pending',
  PROCESSING: 'in_progress',
  COMPLETED: 'done',
  FAILED: 'error',
};

/** Of each job: what a file or a row has in the end. */
export const lastOfEach = (reports: readonly Reported[]): Iterable<Reported> =>
  new Map(reports.map((told) => [told.job_id, told])).values();

function logSystem(folder: string, line: (told: Reported) => string): System {
  const path = join(folder, 'worker.log');
  writeFileSync(path, '');
  return {
    url: `log:${path}`,
    write: async (reports) => appendFileSync(path, reports.map((told) => `${line(told)}\n`).join('')),
    async close() {},
  };
}

function makeTable(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF');
  database.exec(JOB_STATUS_SQL.sqlite.create);
  return database;
}

export function openReported(kind: (typeof REPORTED)[number], folder: string, reporters: Reporters): System {
  switch (kind) {
    case 'json log':
      writeFileSync(join(folder, 'worker.log'), '');
      return reportedTo(`log:${join(folder, 'worker.log')}`, reporters);
    case 'CRI log':
      return collected(folder, reporters, '?format=plain', (line, at) => `${at} stdout F ${line}`);
    case 'docker log':
      return collected(folder, reporters, '', (line, time) =>
        JSON.stringify({ log: `${line}\n`, stream: 'stdout', time }),
      );
    case 'status files':
      mkdirSync(join(folder, 'jobs'));
      return reportedTo(`dir:${folder}`, reporters);
    case 'table':
      makeTable(join(folder, 'jobs.db')).close();
      return reportedTo(`sqlite:${join(folder, 'jobs.db')}`, reporters);
  }
}

export const reportedTo = (url: string, reporters: Reporters): System => ({
  url,
  write: (reports) => reporters.report(url, reports),
  close: () => reporters.close(url),
});

/** A collector that adds the time to each line of a worker's output. */
function collected(
  folder: string,
  reporters: Reporters,
  query: string,
  collect: (line: string, time: string) => string,
): System {
  const output = join(folder, 'output');
  const log = join(folder, 'worker.log');
  const url = `log:${output}${query}`;
  writeFileSync(log, '');
  return {
    url: `log:${log}`,
    async write(reports) {
      writeFileSync(output, '');
      await reporters.report(url, reports);
      const lines = readFileSync(output, 'utf8').split('\n').slice(0, -1);
      if (lines.length !== reports.length) throw new Error(`${lines.length} lines of ${reports.length} reports`);
      const time = (index: number) => new Date(reports[index]!.at_ms).toISOString();
      appendFileSync(log, lines.map((line, index) => `${collect(line, time(index))}\n`).join(''));
    },
    close: () => reporters.close(url),
  };
}
