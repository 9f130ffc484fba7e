/** docs/from-the-design.md has everything that the two documents print, and names nothing that is not there. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { endpoints } from '../../server/api/http/app.ts';
import { startTestMonitor } from '../processes/tmon.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/from-the-design.md'), 'utf8').replaceAll('\\|', '|');
const CODE = [...PAGE.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);

/** Classes with their methods. */
const CLASSES: Record<string, string[]> = {
  StateManager: ['update_job_state', 'get_job_state', 'write_state', 'update_system_metrics', 'check_alert_conditions'],
  StateReconciler: [
    'reconcile_worker_states',
    'list_s3_workers',
    'list_ec2_instances',
    'archive_worker_state',
    'create_worker_state',
  ],
  StateAPI: ['get_job_state'],
  AggregationManager: [
    'update_hourly_metrics',
    'count_completed_jobs_last_hour',
    'avg_processing_time',
    'sum_instance_costs',
    'calculate_success_rate',
  ],
  TranscriptionAPI: [],
  PerformanceAnalyzer: ['analyze_bottlenecks', 'query_jobs'],
  StructuredLogger: ['job_event'],
};

const ENDPOINTS = `
  GET /api/v1/system/health, GET /api/v1/system/metrics, GET /api/v1/system/alerts, POST /api/v1/system/alerts/{id}/resolve,
  GET /api/v1/jobs, GET /api/v1/jobs/{job_id}, GET /api/v1/jobs/{job_id}/progress, GET /api/v1/jobs/{job_id}/timeline,
  POST /api/v1/jobs, DELETE /api/v1/jobs/{job_id}, GET /api/v1/workers, GET /api/v1/workers/{worker_id},
  GET /api/v1/workers/{worker_id}/jobs, POST /api/v1/workers/{worker_id}/restart, POST /api/v1/workers,
  GET /api/v1/queues/main, GET /api/v1/queues/dlq, POST /api/v1/queues/main/purge`;

const KEYS = `
  system/health.json, system/metrics/2025/07/07/hourly/, system/metrics/daily/, workers/active/{worker_id}/status.json,
  workers/active/{worker_id}/heartbeat.json, workers/active/{worker_id}/jobs/current.json,
  workers/active/{worker_id}/jobs/history/{job_id}.json, workers/terminated/{worker_id}-{YYYYMMDD}.json,
  jobs/active/{job_id}/state.json, jobs/active/{job_id}/progress.json, jobs/active/{job_id}/worker.json,
  jobs/active/{job_id}/timeline.json, jobs/completed/2025/07/07/, jobs/failed/2025/07/07/, queues/main-queue.json,
  queues/dead-letter-queue.json, alerts/active/{alert_id}.json, alerts/resolved/2025/07/07/,
  jobs/completed/2025/07/07/hour=19/job-abc123.json, jobs/active/job-abc123/state.json, jobs/failed/job-abc123/state.json,
  workers/active/worker-123/jobs/current.json, workers/active/worker-123/jobs/history/job-abc123.json,
  metrics/hourly/%Y/%m/%d/%H.json, job:{job_id}, jobs/{job_id}.json`;

const FIELDS = `
  job_id, state, created_at, updated_at, estimated_completion, input, s3_path, duration_seconds, file_size_bytes, output,
  segments_count, confidence_score, worker, worker_id, instance_id, assigned_at, progress, percentage, stage, current_chunk,
  total_chunks, eta_seconds, performance, queue_time_seconds, processing_time_seconds, throughput_factor, state_history,
  timestamp, details, retry_info, attempt, max_attempts, last_error, cost_tracking, estimated_cost_usd, actual_cost_usd,
  instance_time_seconds, SUBMITTED, QUEUED, PROCESSING, COMPLETED, FAILED, last_heartbeat, health, status, cpu_usage,
  memory_usage, gpu_usage, disk_usage, capabilities, model, device, gpu_optimized, batch_size, current_job, started_at,
  jobs_completed, total_runtime_seconds, average_job_time, success_rate, location, region, availability_zone,
  instance_type, spot_price, overall_status, components.queue, messages_visible, messages_inflight, age_oldest_message,
  components.workers, total_count, healthy_count, active_count, idle_count, components.jobs, total_active,
  success_rate_24h, average_completion_time, alerts, id, severity, message, metrics, throughput_jobs_per_hour,
  cost_per_hour_usd, efficiency_score, hourly_stats, average_processing_time, cost_total, job_states, completed_at,
  cost_usd, date, avg_time, total_cost, cost_per_minute, large_files, gpu_issues, network_issues, file_size,
  download_time, JobId, StartTime, WorkerId, updated_at, error_message, audio_duration, duration, segments, error`;

const CALLS = [
  'from transcription_monitor import TranscriptionAPI',
  'api.jobs.submit',
  'api.jobs.watch(job.id)',
  'api.system.health()',
  'update.percentage',
  'update.stage',
  'update.state',
  'health.status',
  'health.alerts',
  '/ws',
  "{action: 'subscribe', resource: 'job', job_id: 'job-abc123'}",
  'ws.onmessage',
  'updateProgressBar(update.percentage)',
  'showStatus(update.stage)',
  'processing_time > avg_processing_time * 2',
  'j.file_size > 100_000_000',
  'j.worker.gpu_usage < 50',
  'j.download_time > 300',
  'JOB_START job_id= worker_id=',
  'JOB_PROGRESS job_id= percentage=',
  'JOB_COMPLETE job_id= duration=',
  'JOB_FAILED job_id= error=',
  'TRANSCRIPTION_EVENT',
  'bin(5m)',
  'aws logs filter-log-events',
  "length(events)'",
  'STUCK JOB:',
  'CREATE TABLE job_status',
  'UPDATE job_status SET percentage = %s, updated_at = NOW() WHERE job_id = %s',
  'SELECT job_id, worker_id, started_at FROM job_status',
  'SELECT DATE(completed_at) as date',
];

const words = (list: string): string[] => list.split(',').map((word) => word.trim());

test('the page has every class, method, endpoint, key, field, call and query of the documents', () => {
  const methods = Object.entries(CLASSES).flat(2);
  const printed = [...methods, ...words(ENDPOINTS), ...words(KEYS), ...words(FIELDS), ...CALLS];
  const has = (word: string) => {
    const whole = RegExp.escape(word);
    const alone = new RegExp(`${/^\w/.test(word) ? '(?<!\\w)' : ''}${whole}${/\w$/.test(word) ? '(?!\\w)' : ''}`);
    return CODE.some((code) => alone.test(code));
  };
  assert.deepEqual(
    printed.filter((word) => !has(word)),
    [],
  );
});

test('each class of the documents is in the Python client, with their methods', () => {
  const files = globSync('sdk/python/src/transcription_monitor/**/*.py', { cwd: ROOT });
  const sources = files.map((file) => readFileSync(join(ROOT, file), 'utf8'));
  for (const [name, methods] of Object.entries(CLASSES)) {
    const source = sources.find((text) => new RegExp(`^class ${name}\\b`, 'm').test(text));
    assert.ok(source, name);
    for (const method of methods) assert.match(source, new RegExp(`^ {4}def ${method}\\(`, 'm'), `${name}.${method}`);
  }
});

/** `GET /api/v1/jobs?state=FAILED` */
const REQUESTS = CODE.filter((code) => /^(GET|POST|PUT|DELETE) \/api\/v1\/\S+$/.test(code));

test('each request on the page is one of the API, and each command one of tmon', () => {
  const anyName = (path: string) => path.replace(/:\w+|\{\w+\}/g, '{}');
  const known = new Set(endpoints.map(({ method, path }) => `${method} /api/v1${anyName(path)}`));
  known.add('GET /api/v1/openapi.json');
  const asked = REQUESTS.map((request) => anyName(request.split('?')[0]!));
  assert.ok(asked.length > 50);
  assert.deepEqual(
    asked.filter((request) => !known.has(request)),
    [],
  );
  const commands = CODE.flatMap((code) => [...code.matchAll(/\btmon (\w+)/g)].map(([, command]) => command!));
  assert.ok(commands.length > 40);
  assert.deepEqual(
    commands.filter((command) => !existsSync(join(ROOT, `cli/${command}.ts`))),
    [],
  );
});

test('each GET on the page is answered for a job that a worker holds', async (t) => {
  const { url, api } = await startTestMonitor(t);
  await api.workers.register('worker-123', { capabilities: {} });
  const { id } = await api.jobs.submit({ audio_url: 's3://bucket/audio.mp3' });
  await api.workers.claim('worker-123', { wait_seconds: 5 });
  const wrong: string[] = [];
  for (const request of REQUESTS.filter((code) => code.startsWith('GET '))) {
    const path = request.slice(4).replace('{job_id}', id).replace('{worker_id}', 'worker-123');
    const { status } = await fetch(new URL(path, url));
    if (status !== 200) wrong.push(`${request}: ${status}`);
  }
  assert.deepEqual(wrong, []);
});
