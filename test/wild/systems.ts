/** Writes the reports of a history into a log, a folder of status files or a table, with local times of a zone and no zone in them. */
import { appendFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JOB_STATUS_SQL } from '../../protocol/job-status-table.ts';
import { reportedId } from '../../protocol/reported-id.ts';
import type { SightedState } from '../../protocol/sighting.ts';
import { offsetInZone, type Zone } from '../../protocol/zone.ts';
import type { Reported } from './fleet-history.ts';

export type System = { url: string; write(report: Reported): void; close(): void };

export const ZONES: readonly Zone[] = [0, 'America/New_York', 330];
export const SYSTEMS = ['json log', 'plain log', 'status files', 'printed status files', 'table'] as const;

/** What `datetime.now().isoformat()` prints there. */
const localTime = (time_ms: number, zone: Zone): string =>
  new Date(time_ms + offsetInZone(time_ms, zone) * 60_000).toISOString().slice(0, 23);

export function openSystem(kind: (typeof SYSTEMS)[number], folder: string, zone: Zone): System {
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
        write({ job_id, worker_id, state, started_ms, percentage, error, at_ms }) {
          const file = join(folder, 'jobs', `${reportedId(job_id)!.job_id}.json`);
          const status = WORDS[state];
          // The documents' own example has no updated_at: the file's time is that.
          const updated = kind === 'status files' ? { updated_at: at(at_ms) } : {};
          const body = { job_id, worker_id, status, started_at: at(started_ms), percentage, error, ...updated };
          writeFileSync(file, JSON.stringify(body));
          utimesSync(file, at_ms / 1000, at_ms / 1000);
        },
        close() {},
      };
    case 'table':
      return tableSystem(join(folder, 'jobs.db'), at);
  }
}

const WORDS: Record<SightedState, string> = {
  QUEUED: 'pending',
  PROCESSING: 'in_progress',
  COMPLETED: 'done',
  FAILED: 'error',
};

function eventOf({ state, percentage }: Reported): string {
  if (state === 'COMPLETED') return 'JOB_COMPLETE';
  if (state === 'FAILED') return 'JOB_FAILED';
  return percentage === null ? 'JOB_START' : 'JOB_PROGRESS';
}

function logSystem(folder: string, line: (told: Reported) => string): System {
  const path = join(folder, 'worker.log');
  writeFileSync(path, '');
  return { url: `log:${path}`, write: (told) => appendFileSync(path, `${line(told)}\n`), close() {} };
}

function tableSystem(path: string, at: (time_ms: number | null) => string | null): System {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF');
  database.exec(JOB_STATUS_SQL.sqlite.create);
  const put = database.prepare('INSERT OR REPLACE INTO job_status VALUES (?, ?, ?, ?, ?, ?, ?)');
  return {
    url: `sqlite:${path}`,
    write({ job_id, worker_id, state, started_ms, percentage, error, at_ms }) {
      put.run(job_id, worker_id, WORDS[state], at(started_ms), at(at_ms), percentage, error);
    },
    close: () => database.close(),
  };
}
