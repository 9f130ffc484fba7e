/**
 * Every setting of the monitor: its name, default and meaning, in one table; the only reader of the environment.
 *
 * A setting `soft_linger_ms` is `--soft-linger-ms` on the command line and `TMON_SOFT_LINGER_MS` in the environment; the
 * command line wins. `null` as a default means that the store's kind decides (see `forStore`).
 */
import { MonitorError } from '../protocol/errors.ts';

type Setting<T> = { default: T; meaning: string };
const setting = <T>(value: T, meaning: string): Setting<T> => ({ default: value, meaning });

export const SETTINGS = {
  store: setting('dir:./data', 'Where everything is kept: dir:PATH, s3://bucket/prefix or memory:'),
  s3_requester_pays: setting('', 'true: requests to the bucket are paid for by whoever sends them'),
  s3_sse: setting('', 'Server-side encryption that the bucket demands: AES256, aws:kms or aws:kms:dsse'),
  s3_sse_kms_key_id: setting('', 'The KMS key for it, where it is not the bucket’s default'),
  listen: setting('127.0.0.1:8080', 'HOST:PORT of the API; port 0 takes a free one'),
  allowed_origins: setting(
    '',
    'Origins of web pages that may use the API besides its own, with commas between: https://monitor.example.com',
  ),
  queue: setting('embedded:', 'The queue that jobs wait in'),
  fleet: setting(
    'local:',
    'Where POST /workers launches workers: local:ENGINE, child processes of the monitor, or none:',
  ),
  source: setting(
    '',
    'A system without a server whose jobs are shown here, live: log:PATH, dir:PATH, s3://…, sqs://…, sqlite:PATH, postgres://…; repeatable',
  ),
  log_level: setting('info', 'trace, debug, info, warn, error or silent'),
  instance: setting('', 'Name of this instance in the journal; its own by default'),

  lease_ms: setting(60_000, 'A claimed job is its worker’s for this long; heartbeats renew it'),
  kill_deadline_ms: setting(60_000, 'A job that is CANCELLING is CANCELLED after this long, whatever the worker says'),
  retry_base_ms: setting(5_000, 'Delay before the second attempt; doubles with each'),
  retry_max_ms: setting(600_000, 'Longest delay before an attempt'),
  passes_max: setting(50, 'A priority class that was passed over this many times while it had a job waiting goes next'),
  worker_degraded_ms: setting(30_000, 'A worker silent for this long is DEGRADED'),
  worker_lost_ms: setting(90_000, 'A worker silent for this long is UNHEALTHY; its jobs return to the queue'),
  worker_terminated_ms: setting(3_600_000, 'A worker silent for this long is TERMINATED'),
  worker_start_ms: setting(600_000, 'A launched worker that has not registered after this long is TERMINATED'),

  finished_window_ms: setting(86_400_000, 'Finished jobs stay in memory for this long'),
  finished_max: setting(100_000, 'At most this many finished jobs stay in memory'),
  job_views_days: setting(
    30,
    'The JSON views of a finished job are deleted this many days after its end; 0 keeps them. The archive has it for ever',
  ),
  dlq_window_ms: setting(14 * 86_400_000, 'A failed job leaves the dead-letter queue after this long'),
  commands_window_ms: setting(86_400_000, 'A retried command is answered as the first for this long'),
  commands_max: setting(100_000, 'At most this many answered commands are remembered'),

  soft_linger_ms: setting<number | null>(
    null,
    'Progress and heartbeats may be lost for this long before a crash: 20 on a directory, 1000 elsewhere',
  ),
  outcome_unknown_ms: setting(
    10_000,
    'After this long without an answer from the store a caller is told that the outcome is unknown',
  ),
  snapshot_segments: setting(1_000, 'A snapshot every this many segments,'),
  snapshot_bytes: setting(64 * 1024 * 1024, 'or this many bytes of segments,'),
  snapshot_ms: setting(3_600_000, 'or this long after the last, if anything happened'),
  retention_ms: setting(86_400_000, 'Segments older than this that a snapshot covers are deleted; at least 10 minutes'),
  tail_poll_ms: setting<number | null>(
    null,
    'How often to look for segments of other instances: never on a directory, 200 to 2000 elsewhere',
  ),

  view_transition_ms: setting(1_000, 'A view is written at most this long after a transition,'),
  view_progress_ms: setting(15_000, 'this long after progress,'),
  view_heartbeat_ms: setting(60_000, 'and this long after a heartbeat'),
  view_puts_per_second: setting(200, 'At most this many views are written or deleted a second; the rest wait'),

  source_poll_ms: setting<number | null>(null, 'How often sources are read: files every 1000, others every 5000'),
  source_since_ms: setting(86_400_000, 'A first reading of a source goes this far back'),

  upload_bytes_max: setting(4 * 1024 * 1024 * 1024, 'Largest audio file that POST /uploads takes'),
  upload_unused_ms: setting(7 * 86_400_000, 'An upload that no job was given is removed after this long; 0: never'),
  upload_keep_ms: setting(
    0,
    'An upload whose jobs have ended and can not be retried any more is removed this long after; at least a day; 0: never',
  ),
  uploads_at_once: setting(32, 'Uploads that are received at the same time; each may hold 8 MiB of memory'),
  body_idle_ms: setting(20_000, 'A request whose body stops arriving for this long is ended with 408'),
  body_bytes_max: setting(1024 * 1024, 'Largest request body, uploads apart'),
  socket_messages_per_second: setting(
    2_000,
    'Messages that one WebSocket may send a second; more for a gateway that calls for many workers',
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;

type Widen<T> = T extends string ? string : T extends number ? number : T;

export type Settings = { -readonly [K in SettingName]: Widen<(typeof SETTINGS)[K]['default']> };

/** Settings from given values first, then from `TMON_…` in `environment`, then the defaults. Throws MonitorError('invalid'). */
export function readSettings(
  given: { [K in SettingName]?: unknown } = {},
  environment: Record<string, string | undefined> = process.env,
): Settings {
  const settings: Record<string, unknown> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const fallback = SETTINGS[name].default;
    const value = given[name] ?? environment[`TMON_${name.toUpperCase()}`];
    settings[name] = value === undefined || value === '' ? fallback : parse(name, value, typeof fallback !== 'string');
  }
  const read = settings as Settings;
  if (!LOG_LEVELS.includes(read.log_level)) {
    throw new MonitorError('invalid', 'bad_setting', `log_level is ${JSON.stringify(read.log_level)}`, {
      hint: `It takes ${LOG_LEVELS.join(', ')}.`,
    });
  }
  if (read.retention_ms < 600_000) {
    throw new MonitorError(
      'invalid',
      'bad_setting',
      `retention_ms is ${read.retention_ms}; the gap rule needs at least 600000`,
    );
  }
  return read;
}

/** Headers that the settings want sent to a bucket. Throws MonitorError('invalid'). */
export function s3Headers({
  s3_requester_pays,
  s3_sse,
  s3_sse_kms_key_id,
}: Pick<Settings, 's3_requester_pays' | 's3_sse' | 's3_sse_kms_key_id'>): {
  requester_pays: boolean;
  sse: string;
  sse_kms_key_id: string;
} {
  const bad = (name: SettingName, value: string, takes: string) =>
    new MonitorError('invalid', 'bad_setting', `${name} is ${JSON.stringify(value)}`, { hint: `It takes ${takes}.` });
  if (!['', 'true', 'false'].includes(s3_requester_pays)) {
    throw bad('s3_requester_pays', s3_requester_pays, 'true or false');
  }
  if (!['', 'AES256', 'aws:kms', 'aws:kms:dsse'].includes(s3_sse)) {
    throw bad('s3_sse', s3_sse, 'AES256, aws:kms or aws:kms:dsse');
  }
  if (s3_sse_kms_key_id !== '' && !s3_sse.startsWith('aws:kms')) {
    throw bad('s3_sse_kms_key_id', s3_sse_kms_key_id, 'a key only with s3_sse aws:kms or aws:kms:dsse');
  }
  return { requester_pays: s3_requester_pays === 'true', sse: s3_sse, sse_kms_key_id: s3_sse_kms_key_id };
}

/** The URLs of the setting `source`: one a line, or with spaces between. */
export function sourceUrls({ source }: Pick<Settings, 'source'>): string[] {
  const urls = source.split(/\n|\s+(?=[a-z][a-z0-9+.-]*:)/i);
  return [...new Set(urls.map((url) => url.trim()).filter((url) => url !== ''))];
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

function parse(name: SettingName, value: unknown, numeric: boolean): unknown {
  if (!numeric) return String(value);
  const number = typeof value === 'number' ? value : /^\d+$/.test(String(value).trim()) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new MonitorError(
    'invalid',
    'bad_setting',
    `${name} is ${JSON.stringify(value)}; it takes a whole number, 0 or more`,
    {
      hint: `${SETTINGS[name].meaning}. Default: ${SETTINGS[name].default}.`,
    },
  );
}
