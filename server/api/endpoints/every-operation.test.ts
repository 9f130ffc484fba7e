/** Every operation once, successfully: its response matches the API document. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parseTime } from '../../../protocol/time.ts';
import { wav } from '../../../test/processes/wav.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { ADMIN_KEY, type ApiResponse, openMonitor, type Send } from '../../../test/servers/monitor.ts';
import { AUDIO, complete, completion, fail, hold, register, submit, TRANSCRIPT } from '../../../test/servers/steps.ts';
import { hashOfKey } from '../../access/secrets.ts';
import { endpoints } from '../http/app.ts';

const clock = new JumpingClock();
const SPEAK = `exec:sh -c 'echo "hello world" > "$2"' sh {input} {output}`;
const settings = { fleet: `local:${SPEAK}`, analytics_sql: 'on', admin_key_hash: hashOfKey(ADMIN_KEY) };
const monitor = (await openMonitor({ after }, { clock, ...settings })).withKey(ADMIN_KEY);

const ajv = new Ajv2020({ strict: false, allErrors: true }).addFormat(
  'date-time',
  (text: string) => !Number.isNaN(parseTime(text)) && text.endsWith('Z'),
);
ajv.addSchema((await monitor.get('/openapi.json')).body, 'api');

/** Returns a check against the documented schema of a response with this status. */
function promised(operation: string, status: number, type = 'application/json'): (body: unknown) => string | null {
  const { method, path } = endpoints.find((endpoint) => endpoint.operation === operation)!;
  const at = ['paths', `/api/v1${path.replace(/:([a-z_]+)/g, '{$1}')}`, method.toLowerCase(), 'responses', `${status}`];
  const pointer = [...at, 'content', type, 'schema'].map((part) => part.replaceAll('/', '~1')).join('/');
  // Bytes have no schema; check only that they are documented.
  const promise = ajv.getSchema(`api#/${encodeURI(pointer)}`);
  const bytes =
    type === 'application/octet-stream' && ajv.getSchema(`api#/${encodeURI(pointer.slice(0, -'/schema'.length))}`);
  const validate = promise ?? bytes;
  assert.ok(validate, `${operation} documents nothing for ${status}`);
  return (body) => (validate(body) ? null : ajv.errorsText(validate.errors));
}

type Request = Send & { at: string };

const lease = async () => {
  const { id, token } = await hold(monitor);
  return { id, token, headers: { 'lease-token': token } };
};

const silence = () => ({
  matchers: [{ name: 'worker', op: '=', value: 'gpu-*' }],
  ends_at: new Date(clock.now() + 3_600_000).toISOString(),
  created_by: 'ada',
  comment: 'new drivers',
});
/** No domain ends in `.invalid`: it is never delivered. */
const testNotification = async (): Promise<string> =>
  (await monitor.post('/system/notifications/test', { webhook_url: 'https://webhook.invalid/hook' })).body.id;

const keyOf = async (creation: object): Promise<string> => (await monitor.post('/keys', creation)).body.id;

/** A successful request for each operation. */
const REQUESTS: Record<string, () => Promise<Request>> = {
  'jobs.submit': async () => ({ at: '/jobs', body: { audio_url: AUDIO, duration_seconds: 60 } }),
  'jobs.submitBatch': async () => ({ at: '/jobs/batch', body: { jobs: [{ audio_url: AUDIO }, {}] } }),
  'jobs.list': async () => ({ at: '/jobs?limit=2' }),
  'jobs.get': async () => ({ at: `/jobs/${(await complete(monitor, await hold(monitor))).job_id}` }),
  'jobs.progress': async () => ({ at: `/jobs/${(await lease()).id}/progress` }),
  'jobs.timeline': async () => ({ at: `/jobs/${(await lease()).id}/timeline` }),
  'jobs.why': async () => ({ at: `/jobs/${(await lease()).id}/why` }),
  'jobs.cancel': async () => ({ at: `/jobs/${(await submit(monitor)).job_id}` }),
  'jobs.eraseMatching': async () => ({
    at: '/jobs/erase',
    body: { filter: { job_ids: [(await submit(monitor)).job_id] } },
  }),
  'system.retention': async () => ({ at: '/system/retention' }),
  'jobs.retry': async () => ({ at: `/jobs/${(await fail(monitor, await hold(monitor))).job_id}/retry` }),
  'jobs.reportProgress': async () => {
    const { id, token } = await lease();
    return { at: `/jobs/${id}/progress`, body: { lease_token: token, percentage: 5 } };
  },
  'jobs.putTranscript': async () => {
    const { id, headers } = await lease();
    return { at: `/jobs/${id}/transcript`, body: TRANSCRIPT, headers };
  },
  'jobs.transcript': async () => {
    const { id, headers } = await lease();
    await monitor.put(`/jobs/${id}/transcript`, TRANSCRIPT, headers);
    return { at: `/jobs/${id}/transcript?format=text` };
  },
  'jobs.putAttemptLog': async () => {
    const { id, headers } = await lease();
    const type = { 'content-type': 'text/plain' };
    return { at: `/jobs/${id}/attempts/1/log?end_bytes=5`, body: 'hello', headers: { ...headers, ...type } };
  },
  'jobs.attemptLog': async () => ({ at: `/jobs/${(await lease()).id}/attempts/1/log` }),
  'jobs.complete': async () => {
    const { id, token } = await lease();
    return { at: `/jobs/${id}/complete`, body: completion(token) };
  },
  'jobs.fail': async () => {
    const { id, token } = await lease();
    const error = { code: 'worker_error', message: 'it broke', retryable: true };
    return { at: `/jobs/${id}/fail`, body: { lease_token: token, error } };
  },
  'workers.list': async () => ({ at: '/workers' }),
  'workers.get': async () => ({ at: `/workers/${(await register(monitor)).worker_id}` }),
  'workers.jobs': async () => ({ at: `/workers/worker-1/jobs?limit=3` }),
  'workers.usage': async () => ({ at: '/workers/worker-1/usage' }),
  'workers.register': async () => ({ at: '/workers/worker-new', body: { capabilities: { model: 'large-v3' } } }),
  'workers.heartbeat': async () => {
    const { id, token } = await lease();
    await monitor.delete(`/jobs/${id}`);
    return { at: '/workers/worker-1/heartbeat', body: { health: { cpu_usage: 5 }, leases: [token] } };
  },
  'workers.claim': async () => {
    await submit(monitor);
    return { at: '/workers/worker-1/claim', body: { max_jobs: 1 } };
  },
  'workers.drain': async () => ({ at: `/workers/${(await register(monitor, 'worker-drain')).worker_id}/drain` }),
  'workers.restart': async () => ({ at: `/workers/${(await register(monitor, 'worker-restart')).worker_id}/restart` }),
  'workers.terminate': async () => ({ at: `/workers/${(await register(monitor, 'worker-end')).worker_id}` }),
  'workers.reconcile': async () => ({ at: '/workers/reconcile', body: { dry_run: true } }),
  'queues.main': async () => ({ at: '/queues/main' }),
  'queues.dlq': async () => ({ at: '/queues/dlq' }),
  'queues.purge': async () => ({ at: '/queues/main/purge', body: { dry_run: true } }),
  'queues.purgeDlq': async () => ({ at: '/queues/dlq/purge', body: { filter: { tag: 'none' } } }),
  'queues.redrive': async () => ({ at: '/queues/dlq/redrive', body: { dry_run: true } }),
  'system.health': async () => ({ at: '/system/health' }),
  'system.metrics': async () => ({ at: '/system/metrics' }),
  'system.alerts': async () => ({ at: '/system/alerts' }),
  'system.alert': async () => {
    await fail(monitor, await hold(monitor));
    clock.jump(5_000);
    const { items } = await monitor.until('/system/alerts', (page) => page.items.length > 0);
    return { at: `/system/alerts/${items[0].id}` };
  },
  'system.acknowledgeAlert': async () => {
    const { items } = (await monitor.get('/system/alerts')).body;
    return { at: `/system/alerts/${items[0].id}/acknowledge`, body: { by: 'ada' } };
  },
  'system.alertRules': async () => ({ at: '/system/alert-rules' }),
  'system.policies': async () => ({ at: '/system/policies' }),
  'system.resumePolicies': async () => ({ at: '/system/policies/resume', body: { by: 'ada' } }),
  'system.actions': async () => ({ at: '/system/actions?limit=2&outcome=acted' }),
  'system.backtestAlertRules': async () => ({ at: '/system/alert-rules/backtest', body: {} }),
  'system.settings': async () => ({ at: '/system/settings' }),
  'system.silences': async () => ({ at: '/system/silences' }),
  'system.createSilence': async () => ({ at: '/system/silences', body: silence() }),
  'system.endSilence': async () => {
    const { body } = await monitor.post('/system/silences', silence());
    return { at: `/system/silences/${body.id}` };
  },
  'system.resolveAlert': async () => {
    await fail(monitor, await hold(monitor));
    clock.jump(5_000);
    const { items } = await monitor.until('/system/alerts', (page) => page.items.length > 0);
    return { at: `/system/alerts/${items[0].id}/resolve` };
  },
  'system.notifications': async () => ({ at: '/system/notifications' }),
  'system.notification': async () => ({ at: `/system/notifications/${await testNotification()}` }),
  'system.replayNotification': async () => ({ at: `/system/notifications/${await testNotification()}/replay` }),
  'system.testNotification': async () => ({
    at: '/system/notifications/test',
    body: { webhook_url: 'https://webhook.invalid/hook' },
  }),
  'analytics.costs': async () => ({ at: '/analytics/costs' }),
  'analytics.throughput': async () => ({ at: '/analytics/throughput' }),
  'analytics.durations': async () => ({ at: '/analytics/durations' }),
  'analytics.failures': async () => ({ at: '/analytics/failures' }),
  'analytics.bottlenecks': async () => ({ at: '/analytics/bottlenecks' }),
  'analytics.jobs': async () => ({ at: '/analytics/jobs?filter=attempt%20%3E%200' }),
  'analytics.sql': async () => ({ at: '/analytics/sql', body: { sql: 'SELECT job_id, completed_at FROM job_states' } }),
  'events.report': async () => ({
    at: '/events',
    body: '{"event":"JOB_START","job_id":"job-reported","worker_id":"worker-reports"}\nno JSON',
    headers: { 'content-type': 'application/x-ndjson' },
  }),
  'sources.list': async () => ({ at: '/sources' }),
  'sources.observe': async () => ({
    at: `/sources/${encodeURIComponent('log:/var/log/worker.log')}/jobs`,
    body: { jobs: [{ job_id: 'job-sighted', state: 'PROCESSING', told_at: '2025-07-07T19:30:00Z' }] },
  }),
  'uploads.create': async () => ({ at: '/uploads?name=a.wav', body: wav(1), headers: { 'content-type': 'audio/wav' } }),
  'uploads.open': async () => {
    const { body } = await monitor.call('POST', '/api/v1/uploads', { body: 'audio' });
    return { at: `/uploads/${body.upload_id}` };
  },
  'audit.list': async () => ({ at: '/audit?limit=5' }),
  'audit.verify': async () => ({ at: '/audit/verify' }),
  'session.create': async () => ({ at: '/session' }),
  'session.get': async () => ({ at: '/session' }),
  'session.end': async () => ({ at: '/session' }),
  'sessions.list': async () => ({ at: '/sessions' }),
  'sessions.revoke': async () => {
    const { headers } = await monitor.post('/session');
    const [, id] = /=tmt_(\w{11})_/.exec(headers.get('set-cookie')!)!;
    return { at: `/sessions/${id}` };
  },
  'tickets.create': async () => ({ at: '/tickets' }),
  'jobs.createToken': async () => ({ at: `/jobs/${(await submit(monitor)).job_id}/tokens`, body: {} }),
  'tenants.put': async () => ({
    at: '/tenants/shop',
    body: { weight: 2, jobs_per_day: null, audio_hours_per_day: 0.5 },
  }),
  'tenants.list': async () => ({ at: '/tenants' }),
  'tenants.get': async () => ({ at: '/tenants/shop' }),
  'tenants.pause': async () => ({ at: '/tenants/shop/pause' }),
  'tenants.resume': async () => ({ at: '/tenants/shop/resume' }),
  'tenants.delete': async () => ({ at: '/tenants/shop' }),
  'jobs.createLink': async () => ({
    at: `/jobs/${(await submit(monitor)).job_id}/links`,
    body: { for: 'transcript', format: 'srt' },
  }),
  'uploads.createLink': async () => ({ at: '/uploads/links', body: { bytes_max: 1000 } }),
  'links.open': async () => {
    const { id, headers } = await lease();
    await monitor.put(`/jobs/${id}/transcript`, TRANSCRIPT, headers);
    const { body } = await monitor.post(`/jobs/${id}/links`, { for: 'transcript', format: 'text' });
    return { at: `/links/${body.url.split('/').at(-1)}` };
  },
  'links.upload': async () => ({
    at: `/links/${(await monitor.post('/uploads/links')).body.url.split('/').at(-1)}?name=a.wav`,
    body: wav(1),
    headers: { 'content-type': 'audio/wav' },
  }),
  'links.revoke': async () => ({ at: `/links/${(await monitor.post('/uploads/links')).body.link_id}` }),
  'keys.list': async () => ({ at: '/keys' }),
  'keys.create': async () => ({ at: '/keys', body: { role: 'admin', name: 'first' } }),
  'keys.rotate': async () => ({ at: `/keys/${await keyOf({ role: 'read' })}/rotate`, body: { overlap_seconds: 5 } }),
  'keys.revoke': async () => ({ at: `/keys/${await keyOf({ role: 'worker', worker_id: 'worker-1' })}` }),
  // Last, because the launched worker would claim the jobs of the other tests.
  'workers.launch': async () => ({ at: '/workers', body: {} }),
};

/** Operations whose response never ends. */
const STREAMS = ['events.follow'];

for (const [operation, prepare] of Object.entries(REQUESTS)) {
  test(`the response of ${operation} matches the API document`, async () => {
    const endpoint = endpoints.find((endpoint) => endpoint.operation === operation);
    assert.ok(endpoint, `unknown operation ${operation}`);
    const { at, ...send } = await prepare();
    const response: ApiResponse = await monitor.call(endpoint.method, `/api/v1${at}`, send);
    assert.ok(response.status >= 200 && response.status < 300, `${response.status} ${response.text.slice(0, 300)}`);
    assert.ok(response.headers.get('tmon-seq'));
    const type = response.headers.get('content-type')?.split(';')[0];
    assert.equal(promised(operation, response.status, type)(response.body ?? response.text), null);
  });
}

test('every operation is tested', () => {
  const tested = [...Object.keys(REQUESTS), ...STREAMS].sort();
  assert.deepEqual(endpoints.map(({ operation }) => operation).sort(), tested);
  assert.match(promised('jobs.get', 200)({}) ?? '', /job_id/, 'an undocumented response would be noticed');
});
