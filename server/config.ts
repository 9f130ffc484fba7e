/**
 * Every setting of the monitor: its name, default and meaning, in one table; the only reader of the environment.
 *
 * A setting `soft_linger_ms` is `--soft-linger-ms` on the command line and `TMON_SOFT_LINGER_MS` in the environment;
 * the command line wins. A default of `null` depends on the kind of store or source.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MonitorError } from '../protocol/errors.ts';

type Setting<T> = { default: T; meaning: string };
const setting = <T>(value: T, meaning: string): Setting<T> => ({ default: value, meaning });

export const SETTINGS = {
  store: setting('dir:./data', 'Where everything is stored: dir:PATH, s3://bucket/prefix or memory:'),
  s3_requester_pays: setting('', 'true for a bucket whose requester pays for requests'),
  s3_sse: setting('', 'Server-side encryption to request for objects: AES256, aws:kms or aws:kms:dsse'),
  s3_sse_kms_key_id: setting('', 'KMS key for s3_sse; the bucket’s default key if empty'),
  listen: setting(
    '127.0.0.1:8080',
    'HOST:PORT of the API; port 0 picks a free port. Beyond this machine every request needs an API key, and the first start makes one',
  ),
  key_requests_per_second: setting(
    0,
    'How many requests and calls a key may make a second, with bursts of five seconds; more get 429. 0: no limit',
  ),
  address_requests_per_second: setting(0, 'The same for all requests of an address, with or without a key'),
  session_ms: setting(12 * 3_600_000, 'How long a browser stays signed in at most'),
  session_idle_ms: setting(14_400_000, 'After how long without use it is signed out; 0: only after session_ms'),
  metrics_listen: setting('', 'HOST:PORT at which /metrics, and nothing else, is served without a key'),
  tls_cert: setting('', 'PEM file of the certificate, for HTTPS; read again when it changes'),
  tls_key: setting('', 'PEM file of the key of tls_cert'),
  trusted_proxies: setting(
    '',
    'Comma-separated addresses of proxies whose X-Forwarded-For, -Host and -Proto count: loopback, 10.0.0.0/8',
  ),
  allowed_origins: setting(
    '',
    'Comma-separated origins, besides its own, whose pages may use the API: https://monitor.example.com',
  ),
  key_pepper: setting(
    '',
    'Secret under which API keys are hashed, at least 16 characters; by default an id that is kept with the store. Another one invalidates every key',
  ),
  key_pepper_file: setting('', 'File with key_pepper'),
  admin_key_hash: setting('', 'SHA-256 of an admin key that is not in the store, as `tmon keys generate` prints it'),
  admin_key_hash_file: setting('', 'File with admin_key_hash'),
  oidc_issuer: setting(
    '',
    'OpenID Connect provider at which people sign in to the dashboard: https://accounts.google.com. With it every request needs a key or a session',
  ),
  oidc_name: setting('', 'Name of the provider on the button “Sign in with …”; its host if empty'),
  oidc_client_id: setting('', 'Client ID of the monitor at the provider'),
  oidc_client_secret: setting('', 'Client secret of the monitor at the provider; empty for a public client'),
  oidc_client_secret_file: setting('', 'File with oidc_client_secret'),
  oidc_redirect_origin: setting(
    '',
    'Origin under which browsers reach the monitor, if a proxy hides it: https://monitor.example.com',
  ),
  oidc_scopes: setting('openid email profile', 'Scopes to request; some providers need one more for groups'),
  oidc_roles: setting(
    '',
    'Who gets which role, the first match counts: groups=tmon-admins:admin, email=*@example.com:read; nobody else is let in',
  ),
  queue: setting(
    'embedded:',
    'Queue for waiting jobs: embedded:, or an SQS queue as sqs://NAME[?region=eu-central-1] or by its URL',
  ),
  ingest_rules: setting(
    '',
    'Options of jobs made from S3 events in the queue, by the URL of the recording: JSON, or a file with it',
  ),
  fleet: setting(
    'none:',
    'Where POST /workers launches workers: local:ENGINE (child processes of the monitor), ec2:LAUNCH_TEMPLATE[?spot=true&max=20], asg:GROUP or none:',
  ),
  source: setting(
    '',
    'System without a server whose jobs to show, live: log:PATH, dir:PATH, s3://…, sqs://…, sqlite:PATH, postgres://…; repeatable',
  ),
  cache: setting(
    '',
    'Redis in which to keep active jobs for readers without the monitor: redis://HOST:PORT[/DB], rediss:// for TLS, with USER:PASSWORD@ if it asks for one',
  ),
  alert_rules: setting(
    '',
    'YAML file of alert rules, which change the default ones or add to them; reloaded when it changes, and on SIGHUP',
  ),
  policies: setting(
    '',
    'YAML file of policies: what to do about a verdict; it changes the default ones or adds to them; reloaded when it changes, and on SIGHUP',
  ),
  audit_days: setting(
    400,
    'How many days the audit is kept, in objects of its own, beyond retention_ms; 0: only as long as the journal',
  ),
  retention_file: setting(
    '',
    'YAML file of retention: how long after its end a job is kept, by tag; then it is erased. Reloaded when it changes, and on SIGHUP',
  ),
  log_level: setting('info', 'trace, debug, info, warn, error or silent'),
  instance: setting('', 'Name of this instance in the journal; generated by default'),

  lease_ms: setting(60_000, 'Duration of the lease on a claimed job; heartbeats renew it'),
  kill_deadline_ms: setting(
    60_000,
    'A CANCELLING job is CANCELLED after this long, even if its worker has not stopped',
  ),
  retry_base_ms: setting(5_000, 'Delay before the second attempt; doubles with each further attempt'),
  retry_max_ms: setting(600_000, 'Maximum delay before an attempt'),
  elsewhere_ms: setting(
    600_000,
    'How long a job whose attempt failed waits for a worker that has not failed it, while one is alive',
  ),
  passes_max: setting(50, 'A priority class with waiting jobs goes next after it was passed over this many times'),
  worker_degraded_ms: setting(30_000, 'A worker that has been silent for this long is DEGRADED'),
  worker_lost_ms: setting(
    90_000,
    'A worker that has been silent for this long is UNHEALTHY; its jobs return to the queue',
  ),
  worker_terminated_ms: setting(3_600_000, 'A worker that has been silent for this long is TERMINATED'),
  worker_start_ms: setting(600_000, 'A launched worker that does not register within this time is TERMINATED'),

  reconcile_ms: setting(
    60_000,
    'Interval at which workers are compared with the instances of the fleet; 0: only on request',
  ),
  reconcile_grace_ms: setting(
    300_000,
    'How long a worker without its instance, or an instance without a worker, is left alone, and then must be seen, before it is settled',
  ),

  finished_window_ms: setting(86_400_000, 'How long finished jobs stay in memory'),
  finished_max: setting(100_000, 'Maximum number of finished jobs in memory'),
  job_views_days: setting(
    30,
    'How many days the JSON views of a finished job are kept; 0: forever. The archive keeps the job forever',
  ),
  dlq_window_ms: setting(14 * 86_400_000, 'How long a failed job stays in the dead-letter queue'),
  commands_window_ms: setting(
    86_400_000,
    'How long a repeated request with the same Idempotency-Key returns the first response',
  ),
  commands_max: setting(100_000, 'Maximum number of commands remembered for repeated requests'),

  notify: setting(
    '',
    'Who is notified of alerts: sns:ARN, https://…, slack:URL, teams:URL, pagerduty:KEY, telegram:TOKEN@CHAT, mailto:ADDRESS; repeatable',
  ),
  notify_routes: setting('', 'YAML file that says who is notified of which alerts, and how alerts are grouped'),
  allow_private_webhooks: setting(
    '',
    'true: webhooks may connect to private addresses: of this machine, of its network, and of a cloud’s metadata',
  ),
  webhook_secret: setting(
    '',
    'Secret that signs webhooks by Standard Webhooks: whsec_…; during a rotation two, the new one first',
  ),
  notice_retry_base_ms: setting(5_000, 'Delay before a failed notification is sent again; doubles with each attempt'),
  notice_retry_max_ms: setting(3_600_000, 'Maximum delay before a failed notification is sent again'),
  notice_give_up_ms: setting(3 * 86_400_000, 'A notification that was not delivered within this time has failed'),
  notice_claim_ms: setting(60_000, 'A notification whose sender has not reported for this long is sent by another'),
  notices_window_ms: setting(86_400_000, 'How long notifications stay in the log after they were delivered or failed'),
  notices_max: setting(10_000, 'Maximum number of delivered and failed notifications in the log'),

  soft_linger_ms: setting<number | null>(
    null,
    'Maximum delay before progress and heartbeats are durable: 20 on a directory, up to 10000 elsewhere',
  ),
  outcome_unknown_ms: setting(
    10_000,
    'Writes fail with outcome_unknown after the store has not responded for this long',
  ),
  snapshot_segments: setting(1_000, 'Write a snapshot after this many segments'),
  snapshot_bytes: setting(64 * 1024 * 1024, 'Write a snapshot after this many bytes of segments'),
  snapshot_ms: setting(3_600_000, 'Write a snapshot this long after the last one, if there were events'),
  retention_ms: setting(86_400_000, 'Delete segments older than this once a snapshot covers them; at least 10 minutes'),
  tail_poll_ms: setting<number | null>(
    null,
    'Interval between reads of other instances’ segments: never on a directory, 200 to 2000 elsewhere',
  ),

  view_transition_ms: setting<number | null>(
    null,
    'Maximum delay of a view after a state transition: 1000 on a directory, 15000 elsewhere',
  ),
  view_worker_ms: setting<number | null>(
    null,
    'Maximum delay of a worker’s views after it takes or ends a job: 1000 on a directory, 60000 elsewhere',
  ),
  view_sums_ms: setting<number | null>(
    null,
    'Minimum interval between writes of queues, health, hours and days: 1000 on a directory, 30000 elsewhere',
  ),
  view_progress_ms: setting<number | null>(
    null,
    'Maximum delay of a view after progress: 15000 on a directory, 60000 elsewhere',
  ),
  view_heartbeat_ms: setting(60_000, 'Maximum delay of a view after a heartbeat'),
  view_puts_per_second: setting(
    200,
    'Number of views written or deleted per second; up to ten times as many while views are late and the monitor is not busy',
  ),

  analytics: setting('on', 'off: write no column files for analytics, and refuse its requests'),
  analytics_sql: setting('off', 'on: POST /analytics/sql runs SQL that reads the analytic tables'),
  analytics_memory_mb: setting(512, 'Memory of the analytics process for queries'),
  analytics_timeout_ms: setting(30_000, 'Maximum duration of an analytic query'),
  analytics_rows_max: setting(10_000, 'Maximum number of rows of an analytic query'),
  analytics_cache: setting('', 'Folder for downloaded column files; ~/.cache/transcription-monitor if empty'),

  source_poll_ms: setting<number | null>(null, 'Interval between reads of a source: 1000 for files, 5000 for others'),
  source_since_ms: setting(86_400_000, 'How far back the first read of a source goes'),

  upload_bytes_max: setting(4 * 1024 * 1024 * 1024, 'Maximum size of an uploaded file'),
  upload_unused_ms: setting(7 * 86_400_000, 'How long to keep an upload that no job uses; 0: forever'),
  upload_keep_ms: setting(
    0,
    'How long to keep an upload after its last job ended and can no longer be retried; at least a day; 0: forever',
  ),
  uploads_at_once: setting(32, 'Maximum number of concurrent uploads; each may use 8 MiB of memory'),
  body_idle_ms: setting(20_000, 'A request whose body stalls for this long fails with 408'),
  body_bytes_max: setting(
    1024 * 1024,
    'Maximum size of a request body, except uploads, transcripts and batches of jobs',
  ),
  socket_messages_per_second: setting(
    2_000,
    'Maximum number of messages per second on one WebSocket; raise it for a gateway in front of many workers',
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;

type Widen<T> = T extends string ? string : T extends number ? number : T;

export type Settings = { -readonly [K in SettingName]: Widen<(typeof SETTINGS)[K]['default']> };

/**
 * Settings from `overrides` first, then `TMON_…` in `environment`, then the defaults. Throws MonitorError('invalid').
 */
export function readSettings(
  overrides: { [K in SettingName]?: unknown } = {},
  environment: Record<string, string | undefined> = process.env,
): Settings {
  const settings: Record<string, unknown> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const fallback = SETTINGS[name].default;
    const value = overrides[name] ?? environment[`TMON_${name.toUpperCase()}`];
    settings[name] = value === undefined || value === '' ? fallback : parse(name, value, typeof fallback !== 'string');
  }
  const read = settings as Settings;
  if (!LOG_LEVELS.includes(read.log_level)) {
    throw new MonitorError('invalid', 'bad_setting', `log_level is ${JSON.stringify(read.log_level)}`, {
      hint: `Use one of ${LOG_LEVELS.join(', ')}.`,
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

/** The environment of this process and more, for a child process. */
export const environmentWith = (more: Record<string, string>): Record<string, string | undefined> => ({
  ...process.env,
  ...more,
});

/** Settings after the defaults that depend on the store have been filled in. */
export type StoreSettings = { [K in keyof Settings]: K extends keyof typeof BY_STORE ? number : Settings[K] };

/** Defaults on a directory, and on a store that other instances may share and where each request has a price. */
const BY_STORE = {
  soft_linger_ms: { own: 20, shared: 10_000 },
  view_transition_ms: { own: 1_000, shared: 15_000 },
  view_worker_ms: { own: 1_000, shared: 60_000 },
  view_sums_ms: { own: 1_000, shared: 30_000 },
  view_progress_ms: { own: 15_000, shared: 60_000 },
} as const;

/**
 * Fills in the defaults that depend on the store. A heartbeat has to reach the journal well before its lease ends and before
 * its worker counts as silent, so with short leases it waits less.
 */
export function forStore(settings: Settings, { shared }: { shared: boolean }): StoreSettings {
  const names = Object.keys(BY_STORE) as (keyof typeof BY_STORE)[];
  const filled = Object.fromEntries(
    names.map((name) => [name, settings[name] ?? BY_STORE[name][shared ? 'shared' : 'own']]),
  ) as Record<keyof typeof BY_STORE, number>;
  if (settings.soft_linger_ms === null) {
    const { lease_ms, worker_degraded_ms } = settings;
    filled.soft_linger_ms = Math.min(filled.soft_linger_ms, Math.floor(Math.min(lease_ms / 6, worker_degraded_ms / 3)));
  }
  return { ...settings, ...filled };
}

/** Settings whose value may contain a secret: a password in a URL, a key, a webhook. */
const SECRET: ReadonlySet<SettingName> = new Set([
  'cache',
  'key_pepper',
  'notify',
  'oidc_client_secret',
  'source',
  'webhook_secret',
]);

/** Every setting as it may be shown. */
export function shownSettings(settings: Settings) {
  return (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const { default: fallback, meaning } = SETTINGS[name];
    const value = settings[name];
    return { name, value: SECRET.has(name) && value !== '' ? 'set' : value, default: fallback, meaning };
  });
}

/** Whether traces are to be sent, by the variables that OpenTelemetry defines. */
export function tracesWanted(environment: Record<string, string | undefined> = process.env): boolean {
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER } = environment;
  if (OTEL_SDK_DISABLED?.toLowerCase() === 'true' || OTEL_TRACES_EXPORTER === 'none') return false;
  return Boolean(environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || environment.OTEL_EXPORTER_OTLP_ENDPOINT);
}

/** Where files may be kept that can be fetched again. */
export function cacheFolder(chosen: string, environment: Record<string, string | undefined> = process.env): string {
  return chosen || join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'transcription-monitor');
}

/** Checks the settings that become headers of requests to a bucket. Throws MonitorError('invalid'). */
export function s3Headers({
  s3_requester_pays,
  s3_sse,
  s3_sse_kms_key_id,
}: Pick<Settings, 's3_requester_pays' | 's3_sse' | 's3_sse_kms_key_id'>): {
  requester_pays: boolean;
  sse: string;
  sse_kms_key_id: string;
} {
  const bad = (name: SettingName, value: string, hint: string) =>
    new MonitorError('invalid', 'bad_setting', `${name} is ${JSON.stringify(value)}`, { hint });
  if (!['', 'true', 'false'].includes(s3_requester_pays)) {
    throw bad('s3_requester_pays', s3_requester_pays, 'Use true or false.');
  }
  if (!['', 'AES256', 'aws:kms', 'aws:kms:dsse'].includes(s3_sse)) {
    throw bad('s3_sse', s3_sse, 'Use AES256, aws:kms or aws:kms:dsse.');
  }
  if (s3_sse_kms_key_id !== '' && !s3_sse.startsWith('aws:kms')) {
    throw bad('s3_sse_kms_key_id', s3_sse_kms_key_id, 'It requires s3_sse aws:kms or aws:kms:dsse.');
  }
  return { requester_pays: s3_requester_pays === 'true', sse: s3_sse, sse_kms_key_id: s3_sse_kms_key_id };
}

/** The URLs in the setting `source`, separated by line breaks or spaces. */
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
    `${name} is ${JSON.stringify(value)}; it must be a whole number, 0 or more`,
    {
      hint: `${SETTINGS[name].meaning}. Default: ${SETTINGS[name].default}.`,
    },
  );
}
