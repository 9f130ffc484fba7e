/**
 * The format of a spool: a file of reports that a process has made and not delivered yet, which outlives a kill. The
 * Python reporter has the same (reporter/spool_format.py).
 *
 *     {key}.{host}.{pid}.{started}.{random}.spool        {key}: the system and the worker · {host} to {started}: the process
 *
 *     {"number": 1, "event": {"event": "JOB_FAILED", …}, "job": {"started_at": "…", "percentage": 30}}
 *     {"sent": 1}                                        reports up to this number are delivered, or dropped
 *
 * `event` has the fields of a log line, `extra` the worker's own, `job` what else is known about the job. Starts and ends
 * are kept, progress is not: the next progress, or the end, replaces it. No line has a secret, and the system's URL is
 * only hashed.
 */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { isId } from '../../../protocol/id-pattern.ts';
import { lenientNumber, lenientPercentage, lenientText } from '../../../protocol/lenient-values.ts';
import type { LogEvent } from '../../../protocol/log-event.ts';
import { LOG_EVENTS } from '../../../protocol/log-format.ts';
import { reportedId } from '../../../protocol/reported-id.ts';
import { type Sighting, sightingOf } from '../../../protocol/sighting.ts';
import { formatTime, parseTime } from '../../../protocol/time.ts';
import type { Report } from './report.ts';

export type SpoolOwner = { host: string; pid: number; started: string };

/** What reports of one worker to one system have in common: credentials and query of the URL do not count. */
export function spoolKey(url: string, worker_id: string): string {
  const [, scheme = '', rest = ''] = /^([^:]*):([^?#]*)/s.exec(url) ?? [];
  const local = /^(?:dir|sqlite)$/i.test(scheme);
  const place = local
    ? resolve(rest.replace(/^\/\/(?=\/)/, ''))
    : rest.replace(/^\/\/[^/]*@/, '//').replace(/\/+$/, '');
  return createHash('sha256').update(`${scheme.toLowerCase()}:${place}\n${worker_id}`).digest('hex').slice(0, 16);
}

export function spoolName(key: string, { host, pid, started }: SpoolOwner, random: string): string {
  return `${key}.${host}.${pid}.${started}.${random}.spool`;
}

export function readSpoolName(name: string): { key: string; owner: SpoolOwner } | null {
  const [, key, host, pid, started] = /^([0-9a-f]{16})\.([^.]+)\.(\d+)\.(\d+)\.[0-9a-f]+\.spool$/.exec(name) ?? [];
  return key === undefined ? null : { key, owner: { host: host!, pid: Number(pid), started: started! } };
}

export function spoolLine(number: number, { event, extra, sighting }: Report): string {
  const { started_ms, percentage, stage, audio_duration } = sighting;
  const started_at = started_ms === null ? null : formatTime(started_ms);
  const { lease_token: _, ...told } = event;
  const record = {
    number,
    event: told,
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
    job: known({ started_at, percentage, stage, audio_duration }),
  };
  return `${JSON.stringify(record)}\n`;
}

export const sentLine = (number: number): string => `${JSON.stringify({ sent: number })}\n`;

/** The reports of a spool that are not sent yet, by number. Lines that are cut or unknown are skipped. */
export function readSpool(text: string): Map<number, Report> {
  const reports = new Map<number, Report>();
  let sent = 0;
  for (const line of text.split('\n')) {
    try {
      const record = JSON.parse(line) as Record<string, unknown>;
      if (typeof record.sent === 'number') sent = Math.max(sent, record.sent);
      const report = reportOf(record, Buffer.byteLength(line));
      if (report !== null) reports.set(record.number as number, report);
    } catch {
      // Cut, when the disk was full.
    }
  }
  for (const number of [...reports.keys()]) if (number <= sent) reports.delete(number);
  return reports;
}

function reportOf(record: Record<string, unknown>, bytes: number): Report | null {
  const event = record.event as Report['event'];
  if (!Number.isSafeInteger(record.number) || !(LOG_EVENTS as readonly unknown[]).includes(event?.event)) return null;
  const { timestamp, worker_id } = event;
  const named = reportedId(event.job_id);
  const told_ms = parseTime(timestamp);
  if (named === null || !isId(worker_id) || Number.isNaN(told_ms)) return null;
  const { job_id } = named;
  const extra = (record.extra ?? {}) as Report['extra'];
  return { job_id, event, extra, sighting: sightingBy(event, told_ms, Object(record.job)), bytes, late: true };
}

function sightingBy(event: LogEvent, told_ms: number, job: Record<string, unknown>): Sighting {
  const sighting = sightingOf(event, told_ms);
  const started_ms = typeof job.started_at === 'string' ? parseTime(job.started_at) : Number.NaN;
  const percentage = sighting.state === 'COMPLETED' ? 100 : lenientPercentage(job.percentage);
  return {
    ...sighting,
    started_ms: sighting.started_ms ?? (Number.isNaN(started_ms) ? null : started_ms),
    percentage: sighting.percentage ?? percentage,
    stage: sighting.stage?.toUpperCase() ?? lenientText(job.stage, 40),
    audio_duration: sighting.audio_duration ?? lenientNumber(job.audio_duration),
  };
}

const known = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
