/**
 * A code sample of each operation in both SDKs, for the API document and its pages. Tests check every sample: it calls
 * its operation by name, and TypeScript's type-check.
 */
export type Snippet = { typescript: string; python: string };

/** Creates `api`; each sample continues from here. */
export const SNIPPETS_BEGIN: Snippet = {
  typescript: `\
import { TranscriptionAPI } from '@transcription-monitor/sdk';

const api = new TranscriptionAPI({ baseUrl: 'http://127.0.0.1:8080', apiKey: 'your-api-key' });`,
  python: `\
from transcription_monitor import TranscriptionAPI

api = TranscriptionAPI(base_url="http://127.0.0.1:8080", api_key="your-api-key")`,
};

const JOB = 'job-abc123';
const WORKER = 'worker-1';
const TRANSCRIPT = {
  typescript: `\
const transcript = {
  text: 'Hello.',
  language: 'en',
  duration_seconds: 1.5,
  engine: 'faster-whisper large-v3',
  segments: [{ id: 0, start_seconds: 0, end_seconds: 1.5, text: 'Hello.', confidence: 0.9 }],
};`,
  python: `\
from transcription_monitor import Transcript

segments = [{"start_seconds": 0, "end_seconds": 1.5, "text": "Hello.", "confidence": 0.9}]
transcript = Transcript.of_segments(segments, engine="faster-whisper large-v3", language="en")`,
};

/** By operation. */
export const SNIPPETS: Record<string, Snippet> = {
  'jobs.submit': {
    typescript: `\
const job = await api.jobs.submit({ audio_url: 's3://bucket/audio.mp3', output_format: 'json', priority: 'high' });
for await (const update of api.jobs.watch(job.id)) console.log(\`\${update.percentage}% \${update.stage}\`);`,
    python: `\
job = api.jobs.submit(audio_url="s3://bucket/audio.mp3", output_format="json", priority="high")
for update in api.jobs.watch(job.id):
    print(f"{update.percentage}% {update.stage}")`,
  },
  'jobs.submitBatch': {
    typescript: `\
const results = await api.jobs.submitBatch([{ audio_url: 's3://bucket/1.mp3' }, { audio_url: 's3://bucket/2.mp3' }]);
for (const result of results) console.log(result instanceof Error ? result.message : result.id);`,
    python: `\
results = api.jobs.submit_batch([{"audio_url": "s3://bucket/1.mp3"}, {"audio_url": "s3://bucket/2.mp3"}])
for result in results:
    print(result if isinstance(result, Exception) else result.id)`,
  },
  'jobs.list': {
    typescript: `for await (const job of api.jobs.list({ state: 'FAILED', tag: 'interviews' })) console.log(job.id, job.state);`,
    python: `\
for job in api.jobs.list(state="FAILED", tag="interviews"):
    print(job.id, job.state)`,
  },
  'jobs.get': {
    typescript: `const job = await api.jobs.get('${JOB}');`,
    python: `job = api.jobs.get("${JOB}")`,
  },
  'jobs.progress': {
    typescript: `const { percentage, stage } = await api.jobs.progress('${JOB}');`,
    python: `progress = api.jobs.progress("${JOB}")
print(progress.percentage, progress.stage)`,
  },
  'jobs.timeline': {
    typescript: `const timeline = await api.jobs.timeline('${JOB}');
for (const { timestamp, state } of timeline.state_history) console.log(timestamp, state);`,
    python: `for entry in api.jobs.timeline("${JOB}").state_history:
    print(entry.timestamp, entry.state)`,
  },
  'jobs.why': {
    typescript: `const { answer, remedy } = await api.jobs.why('${JOB}');`,
    python: `why = api.jobs.why("${JOB}")
print(why.answer, why.remedy)`,
  },
  'jobs.cancel': {
    typescript: `const job = await api.jobs.cancel('${JOB}');`,
    python: `job = api.jobs.cancel("${JOB}")`,
  },
  'jobs.eraseMatching': {
    typescript: `\
let cursor: string | null | undefined;
do {
  const erased = await api.jobs.eraseMatching({ filter: { tag: 'customer-42' }, ...(cursor ? { cursor } : {}) });
  console.log(erased.job_ids, erased.journal_until);
  cursor = erased.next_cursor;
} while (cursor !== null);`,
    python: `\
cursor = None
while True:
    erased = api.jobs.erase_matching({"tag": "customer-42"}, cursor=cursor)
    print(erased.job_ids, erased.journal_until)
    cursor = erased.next_cursor
    if cursor is None:
        break`,
  },
  'jobs.retry': {
    typescript: `const job = await api.jobs.retry('${JOB}');`,
    python: `job = api.jobs.retry("${JOB}")`,
  },
  'jobs.reportProgress': {
    typescript: `\
const [claimed] = (await api.workers.claim('${WORKER}', { wait_seconds: 20 })).jobs;
if (claimed) {
  const lease_token = claimed.lease.token;
  await api.jobs.reportProgress(claimed.job.job_id, { lease_token, percentage: 45, stage: 'transcribing' });
}`,
    python: `\
for claimed in api.workers.claim("${WORKER}", wait_seconds=20).jobs:
    api.jobs.report_progress(claimed.job.id, claimed.lease.token, percentage=45, stage="transcribing")`,
  },
  'jobs.putTranscript': {
    typescript: `${TRANSCRIPT.typescript}
const { s3_path } = await api.jobs.putTranscript('${JOB}', 'the lease token', transcript);`,
    python: `${TRANSCRIPT.python}
stored = api.jobs.put_transcript("${JOB}", "the lease token", transcript)`,
  },
  'jobs.putAttemptLog': {
    typescript: `const printed = 'loading the model\\n';
await api.jobs.putAttemptLog('${JOB}', 1, 'the lease token', { text: printed, endBytes: printed.length });`,
    python: `printed = "loading the model\\n"
api.jobs.put_attempt_log("${JOB}", 1, "the lease token", printed, end_bytes=len(printed))`,
  },
  'jobs.attemptLog': {
    typescript: `const { text } = await api.jobs.attemptLog('${JOB}', 1);
for await (const part of api.jobs.followAttemptLog('${JOB}', 1)) console.log(part);`,
    python: `log = api.jobs.attempt_log("${JOB}", 1)
print(log.text)`,
  },
  'jobs.transcript': {
    typescript: `const { text, segments } = await api.jobs.transcript('${JOB}');
const subtitles = await api.jobs.transcript('${JOB}', 'srt');`,
    python: `transcript = api.jobs.transcript("${JOB}")
subtitles = api.jobs.transcript("${JOB}", "srt")`,
  },
  'jobs.complete': {
    typescript: `\
await api.jobs.complete('${JOB}', {
  lease_token: 'the lease token',
  output: { s3_path: 's3://bucket/audio.json', segments_count: 150, confidence_score: 0.95 },
});`,
    python: `\
api.jobs.complete(
    "${JOB}",
    "the lease token",
    {"s3_path": "s3://bucket/audio.json", "segments_count": 150, "confidence_score": 0.95},
)`,
  },
  'jobs.fail': {
    typescript: `\
await api.jobs.fail('${JOB}', {
  lease_token: 'the lease token',
  error: { code: 'gpu_out_of_memory', message: 'GPU out of memory', retryable: true },
});`,
    python: `\
api.jobs.fail(
    "${JOB}",
    "the lease token",
    {"code": "gpu_out_of_memory", "message": "GPU out of memory", "retryable": True},
)`,
  },
  'workers.list': {
    typescript: `for await (const worker of api.workers.list()) console.log(worker.worker_id, worker.state);`,
    python: `for worker in api.workers.list():
    print(worker.id, worker.state)`,
  },
  'workers.launch': {
    typescript: `const worker = await api.workers.launch({ capabilities: { model: 'large-v3' } });`,
    python: `worker = api.workers.launch(capabilities={"model": "large-v3"})`,
  },
  'workers.get': {
    typescript: `const { state, health } = await api.workers.get('${WORKER}');`,
    python: `worker = api.workers.get("${WORKER}")
print(worker.state, worker.health.status)`,
  },
  'workers.jobs': {
    typescript: `for await (const { job_id, state } of api.workers.jobs('${WORKER}')) console.log(job_id, state);`,
    python: `for job in api.workers.jobs("${WORKER}"):
    print(job.job_id, job.state)`,
  },
  'workers.usage': {
    typescript: `for (const { at, gpu_usage } of (await api.workers.usage('worker-1')).items) console.log(at, gpu_usage);`,
    python: `\
for sample in api.workers.usage("worker-1").items:
    print(sample.at, sample.gpu_usage)`,
  },
  'workers.register': {
    typescript: `await api.workers.register('${WORKER}', { capabilities: { model: 'large-v3' }, location: { region: 'us-east-1' } });`,
    python: `api.workers.register("${WORKER}", capabilities={"model": "large-v3"}, location={"region": "us-east-1"})`,
  },
  'workers.heartbeat': {
    typescript: `\
const leases = ['the lease token'];
const { commands } = await api.workers.heartbeat('${WORKER}', { health: { cpu_usage: 50, gpu_usage: 90 }, leases });`,
    python: `\
beat = api.workers.heartbeat(
    "${WORKER}", health={"cpu_usage": 50, "gpu_usage": 90}, leases=["the lease token"]
)
print(beat.commands)`,
  },
  'workers.claim': {
    typescript: `const { jobs } = await api.workers.claim('${WORKER}', { max_jobs: 1, wait_seconds: 20 });
for (const { job, lease } of jobs) console.log(job.job_id, lease.token);`,
    python: `for claimed in api.workers.claim("${WORKER}", max_jobs=1, wait_seconds=20).jobs:
    print(claimed.job.id, claimed.lease.token)`,
  },
  'workers.drain': {
    typescript: `await api.workers.drain('${WORKER}');`,
    python: `api.workers.drain("${WORKER}")`,
  },
  'workers.reconcile': {
    typescript: `const { orphaned, missing } = await api.workers.reconcile({ dry_run: true });`,
    python: `report = api.workers.reconcile(dry_run=True)\nprint(report.orphaned, report.missing)`,
  },
  'workers.restart': {
    typescript: `await api.workers.restart('${WORKER}');`,
    python: `api.workers.restart("${WORKER}")`,
  },
  'workers.terminate': {
    typescript: `await api.workers.terminate('${WORKER}');`,
    python: `api.workers.terminate("${WORKER}")`,
  },
  'queues.main': {
    typescript: `const { messages_visible } = await api.queues.main();`,
    python: `print(api.queues.main().messages_visible)`,
  },
  'queues.dlq': {
    typescript: `const { messages_visible } = await api.queues.dlq();`,
    python: `print(api.queues.dlq().messages_visible)`,
  },
  'queues.purge': {
    typescript: `const { job_ids } = await api.queues.purge('main', { filter: { tag: 'mistake' }, dry_run: true });`,
    python: `result = api.queues.purge("main", filter={"tag": "mistake"}, dry_run=True)
print(result.job_ids)`,
  },
  'queues.purgeDlq': {
    typescript: `const { job_ids } = await api.queues.purgeDlq({ filter: { tag: 'mistake' }, dry_run: true });`,
    python: `result = api.queues.purge_dlq(filter={"tag": "mistake"}, dry_run=True)
print(result.job_ids)`,
  },
  'queues.redrive': {
    typescript: `const { job_ids } = await api.queues.redrive({ filter: { error_code: 'gpu_out_of_memory' }, dry_run: true });`,
    python: `result = api.queues.redrive(filter={"error_code": "gpu_out_of_memory"}, dry_run=True)
print(result.job_ids)`,
  },
  'system.health': {
    typescript: `\
const health = await api.system.health();
if (health.status !== 'HEALTHY') console.log(health.alerts);`,
    python: `\
health = api.system.health()
if health.status != "HEALTHY":
    print(f"Alerts: {health.alerts}")`,
  },
  'system.metrics': {
    typescript: `\
const { throughput_jobs_per_hour } = await api.system.metrics();
const { items } = await api.system.metricsSeries({ from: '2025-07-07T00:00:00Z', to: '2025-07-08T00:00:00Z' });
for (const hour of items) console.log(hour.period_start, hour.jobs_completed, hour.queue_depth_max);`,
    python: `\
print(api.system.metrics().throughput_jobs_per_hour)
for hour in api.system.metrics_series(from_="2025-07-07T00:00:00Z", to="2025-07-08T00:00:00Z").items:
    print(hour.period_start, hour.jobs_completed, hour.queue_depth_max)`,
  },
  'system.alerts': {
    typescript: `for await (const alert of api.system.alerts()) console.log(alert.severity, alert.message);`,
    python: `for alert in api.system.alerts():
    print(alert.severity, alert.message)`,
  },
  'system.alert': {
    typescript: `const { status, message, description } = await api.system.alert('alert-abc123');`,
    python: `alert = api.system.alert("alert-abc123")`,
  },
  'system.resolveAlert': {
    typescript: `await api.system.resolveAlert('alert-abc123');`,
    python: `api.system.resolve_alert("alert-abc123")`,
  },
  'system.acknowledgeAlert': {
    typescript: `await api.system.acknowledgeAlert('alert-abc123', { by: 'ada' });`,
    python: `api.system.acknowledge_alert("alert-abc123", by="ada")`,
  },
  'system.alertRules': {
    typescript: `for (const rule of (await api.system.alertRules()).rules) console.log(rule.name, rule.signal, rule.threshold);`,
    python: `\
for rule in api.system.alert_rules().rules:
    print(rule.name, rule.signal, rule.threshold)`,
  },
  'system.policies': {
    typescript: `for (const policy of (await api.system.policies()).policies) console.log(policy.name, policy.mode, policy.last_hour);`,
    python: `\
for policy in api.system.policies().policies:
    print(policy.name, policy.mode, policy.last_hour)`,
  },
  'system.resumePolicies': {
    typescript: `await api.system.resumePolicies({ by: 'ada' });`,
    python: `api.system.resume_policies(by="ada")`,
  },
  'system.actions': {
    typescript: `for await (const action of api.system.actions({ outcome: 'acted' })) console.log(action.policy, action.reason);`,
    python: `\
for action in api.system.actions(outcome="acted"):
    print(action.policy, action.reason)`,
  },
  'system.backtestAlertRules': {
    typescript: `\
const { firings } = await api.system.backtestAlertRules({ since: '2025-07-07T00:00:00Z' });
for (const firing of firings) console.log(firing.rule, firing.fired_at, firing.message);`,
    python: `\
for firing in api.system.backtest_alert_rules(since="2025-07-07T00:00:00Z").firings:
    print(firing.rule, firing.fired_at, firing.message)`,
  },
  'system.settings': {
    typescript: `for (const { name, value } of (await api.system.settings()).settings) console.log(name, value);`,
    python: `\
for setting in api.system.settings().settings:
    print(setting.name, setting.value)`,
  },
  'system.silences': {
    typescript: `for await (const silence of api.system.silences()) console.log(silence.comment, silence.ends_at);`,
    python: `\
for silence in api.system.silences():
    print(silence.comment, silence.ends_at)`,
  },
  'system.createSilence': {
    typescript: `\
const silence = await api.system.createSilence({
  matchers: [{ name: 'worker', op: '=', value: 'gpu-*' }],
  ends_at: '2025-07-07T22:00:00Z',
  created_by: 'ada',
  comment: 'new drivers',
});`,
    python: `\
silence = api.system.create_silence(
    ["worker=gpu-*"], ends_at="2025-07-07T22:00:00Z", created_by="ada", comment="new drivers"
)`,
  },
  'system.endSilence': {
    typescript: `await api.system.endSilence('silence-abc123');`,
    python: `api.system.end_silence("silence-abc123")`,
  },
  'system.retention': {
    typescript: `const { next } = await api.system.retention();
for (const { job_id, due_at, rule } of next) console.log(job_id, due_at, rule);`,
    python: `for job in api.system.retention().next:
    print(job.job_id, job.due_at, job.rule)`,
  },
  'system.notifications': {
    typescript: `for await (const one of api.system.notifications({ state: 'failed' })) console.log(one.id, one.last_error);`,
    python: `for notification in api.system.notifications(state="failed"):
    print(notification.id, notification.last_error)`,
  },
  'system.notification': {
    typescript: `const notification = await api.system.notification('job-abc123-completed-2s');`,
    python: `notification = api.system.notification("job-abc123-completed-2s")`,
  },
  'system.replayNotification': {
    typescript: `await api.system.replayNotification('job-abc123-completed-2s');`,
    python: `api.system.replay_notification("job-abc123-completed-2s")`,
  },
  'system.testNotification': {
    typescript: `await api.system.testNotification({ destination: 'ops' });`,
    python: `api.system.test_notification(destination="ops")`,
  },
  'sources.list': {
    typescript: `for await (const source of api.sources.list()) console.log(source.name, source.state);`,
    python: `for source in api.sources.list():
    print(source.name, source.state)`,
  },
  'sources.observe': {
    typescript: `\
const told_at = new Date().toISOString();
await api.sources.observe('log:worker.log', [{ job_id: '${JOB}', state: 'PROCESSING', told_at, percentage: 45 }]);`,
    python: `\
from datetime import datetime, timezone

told_at = datetime.now(timezone.utc).isoformat()
api.sources.observe(
    "log:worker.log", [{"job_id": "${JOB}", "state": "PROCESSING", "told_at": told_at, "percentage": 45}]
)`,
  },
  'events.report': {
    typescript: `await api.events.report([{ event: 'JOB_PROGRESS', job_id: '${JOB}', percentage: 45, stage: 'transcribing' }]);`,
    python: `api.events.report([{"event": "JOB_PROGRESS", "job_id": "${JOB}", "percentage": 45, "stage": "transcribing"}])`,
  },
  'events.follow': {
    typescript: `\
for await (const event of api.events.follow({ resource: 'jobs', filter: { priority: 'high' } })) {
  if (event.type === 'update') console.log(event.job_id, event.state, event.percentage);
}`,
    python: `\
for message in api.events.follow("jobs", filter={"priority": "high"}):
    if message.type == "update":
        print(message.job_id, message.state, message.percentage)`,
  },
  'audit.list': {
    typescript: `for await (const { at, key_name, event, entity } of api.audit.list({ after: '2025-07-07T00:00:00Z' })) {
  console.log(at, key_name, event, entity);
}`,
    python: `for entry in api.audit.list(after="2025-07-07T00:00:00Z"):\n    print(entry.at, entry.key_name, entry.event, entry.entity)`,
  },
  'audit.verify': {
    typescript: `const { intact, findings } = await api.audit.verify();
for (const { verdict, says } of findings) console.log(verdict, says);`,
    python: `for finding in api.audit.verify().findings:\n    print(finding.verdict, finding.says)`,
  },
  'session.create': {
    typescript: `const session = await api.session.create(); // in a browser, on a page of the monitor`,
    python: `session = api.session.create()  # made for browsers: the cookie is in the response`,
  },
  'session.get': {
    typescript: `const { role, permissions } = await api.session.get();`,
    python: `session = api.session.get()\nprint(session.role, session.permissions)`,
  },
  'session.end': {
    typescript: `await api.session.end();`,
    python: `api.session.end()`,
  },
  'sessions.list': {
    typescript: `for await (const { id, name, role } of api.sessions.list()) console.log(id, name, role);`,
    python: `for session in api.sessions.list():\n    print(session.id, session.name, session.role)`,
  },
  'sessions.revoke': {
    typescript: `await api.sessions.revoke('7hQxk2LmP0a');`,
    python: `api.sessions.revoke("7hQxk2LmP0a")`,
  },
  'tickets.create': {
    typescript: `const { ticket } = await api.tickets.create(); // for /ws?ticket=… within 30 seconds`,
    python: `ticket = api.tickets.create().ticket  # for /ws?ticket=… within 30 seconds`,
  },
  'jobs.createToken': {
    typescript: `const { token } = await api.jobs.createToken('job-abc123', { expires_in_seconds: 600 });`,
    python: `token = api.jobs.create_token("job-abc123", expires_in_seconds=600).token`,
  },
  'keys.list': {
    typescript: `for await (const key of api.keys.list()) console.log(key.id, key.role, key.name);`,
    python: `for key in api.keys.list():\n    print(key.id, key.role, key.name)`,
  },
  'keys.create': {
    typescript: `\
const { key } = await api.keys.create({ role: 'submit', name: 'web shop' });
console.log(key); // shown only now`,
    python: `\
created = api.keys.create("submit", name="web shop")
print(created.key)  # shown only now`,
  },
  'keys.rotate': {
    typescript: `const { key } = await api.keys.rotate('4tIcYbYQGSA', { overlap_seconds: 3600 });`,
    python: `key = api.keys.rotate("4tIcYbYQGSA", overlap_seconds=3600).key`,
  },
  'jobs.createLink': {
    typescript: `\
const link = await api.jobs.createLink('${JOB}', { format: 'srt', expires_in_seconds: 7 * 86400 });
console.log(link.url);`,
    python: `print(api.jobs.create_link("${JOB}", format="srt", expires_in_seconds=7 * 86400).url)`,
  },
  'uploads.createLink': {
    typescript: `const { url } = await api.uploads.createLink({ bytes_max: 100_000_000 });`,
    python: `url = api.uploads.create_link(bytes_max=100_000_000).url`,
  },
  'links.open': {
    typescript: `\
const { url } = await api.jobs.createLink('${JOB}', { format: 'text' });
const text = await api.links.open(url);`,
    python: `text = api.links.open(api.jobs.create_link("${JOB}", format="text").url)`,
  },
  'links.upload': {
    typescript: `\
const { url } = await api.uploads.createLink();
const { audio_url } = await api.links.upload(url, new File(['…'], 'talk.wav'));`,
    python: `audio_url = api.links.upload(api.uploads.create_link().url, "talk.wav").audio_url`,
  },
  'links.revoke': {
    typescript: `await api.links.revoke('4tIcYbYQGSA');`,
    python: `api.links.revoke("4tIcYbYQGSA")`,
  },
  'keys.revoke': {
    typescript: `await api.keys.revoke('4tIcYbYQGSA');`,
    python: `api.keys.revoke("4tIcYbYQGSA")`,
  },
  'tenants.list': {
    typescript: `for await (const tenant of api.tenants.list()) console.log(tenant.tenant, tenant.waiting, tenant.usage.jobs);`,
    python: `for tenant in api.tenants.list():\n    print(tenant.tenant, tenant.waiting, tenant.usage.jobs)`,
  },
  'tenants.get': {
    typescript: `const { waiting, running, usage } = await api.tenants.get('acme');`,
    python: `tenant = api.tenants.get("acme")\nprint(tenant.waiting, tenant.running, tenant.usage.audio_hours)`,
  },
  'tenants.put': {
    typescript: `await api.tenants.put('acme', { weight: 2, max_running: 8, jobs_per_day: 10_000 });`,
    python: `api.tenants.put("acme", weight=2, max_running=8, jobs_per_day=10_000)`,
  },
  'tenants.delete': {
    typescript: `await api.tenants.delete('acme');`,
    python: `api.tenants.delete("acme")`,
  },
  'tenants.pause': {
    typescript: `await api.tenants.pause('acme');`,
    python: `api.tenants.pause("acme")`,
  },
  'tenants.resume': {
    typescript: `await api.tenants.resume('acme');`,
    python: `api.tenants.resume("acme")`,
  },
  'analytics.costs': {
    typescript: `\
const { items, total } = await api.analytics.costs({ from: '2025-07-01T00:00:00Z', group_by: 'model' });
for (const { group, cost_usd, cost_per_audio_minute_usd } of items) console.log(group, cost_usd, cost_per_audio_minute_usd);
console.log(total.cost_usd);`,
    python: `\
report = api.analytics.costs(from_="2025-07-01T00:00:00Z", group_by="model")
for item in report.items:
    print(item.group, item.cost_usd, item.cost_per_audio_minute_usd)
print(report.total.cost_usd)`,
  },
  'analytics.throughput': {
    typescript: `const { total } = await api.analytics.throughput({ group_by: 'worker' });
console.log(total.jobs_completed, total.success_rate);`,
    python: `report = api.analytics.throughput(group_by="worker")
print(report.total.jobs_completed, report.total.success_rate)`,
  },
  'analytics.durations': {
    typescript: `const { items } = await api.analytics.durations({ group_by: 'instance_type' });
for (const { group, processing } of items) console.log(group, processing.p50, processing.p95);`,
    python: `for item in api.analytics.durations(group_by="instance_type").items:
    print(item.group, item.processing.p50, item.processing.p95)`,
  },
  'analytics.failures': {
    typescript: `const { items } = await api.analytics.failures();
for (const { group, jobs_failed, wasted_usd } of items) console.log(group, jobs_failed, wasted_usd);`,
    python: `for item in api.analytics.failures().items:
    print(item.group, item.jobs_failed, item.wasted_usd)`,
  },
  'analytics.bottlenecks': {
    typescript: `const { patterns } = await api.analytics.bottlenecks();
for (const { job_id, evidence } of patterns.gpu_issues) console.log(job_id, evidence);`,
    python: `for job in api.analytics.bottlenecks().patterns["gpu_issues"]:
    print(job.id, job.evidence)`,
  },
  'analytics.jobs': {
    typescript: `\
const slow = api.analytics.jobs({ filter: 'processing_time > avg_processing_time * 2' });
for await (const job of slow) console.log(job.job_id, job.processing_time_seconds);`,
    python: `for job in api.analytics.jobs(filter="processing_time > avg_processing_time * 2"):
    print(job.id, job.processing_time)`,
  },
  'analytics.sql': {
    typescript: `\
const { items } = await api.analytics.sql('SELECT model, sum(cost_usd) AS cost FROM job_states GROUP BY model');
for (const { model, cost } of items) console.log(model, cost);`,
    python: `\
result = api.analytics.sql("SELECT model, sum(cost_usd) AS cost FROM job_states GROUP BY model")
for row in result.items:
    print(row["model"], row["cost"])`,
  },
  'uploads.create': {
    typescript: `\
import { openAsBlob } from 'node:fs';

const { audio_url } = await api.uploads.create({ name: 'call.wav', body: await openAsBlob('call.wav'), type: 'audio/wav' });
const job = await api.jobs.submit({ audio_url });`,
    python: `\
upload = api.uploads.create("call.wav", content_type="audio/wav")
job = api.jobs.submit(upload.audio_url)`,
  },
  'uploads.open': {
    typescript: `const { body } = await api.uploads.open('upload-abc123');
for await (const bytes of body) console.log(bytes.length);`,
    python: `with api.uploads.open("upload-abc123") as audio:
    audio.save("call.wav")`,
  },
};

/** An extension of OpenAPI that Redoc and other tools support. */
export function codeSamples(operation: string): { lang: string; label: string; source: string }[] {
  const snippet = SNIPPETS[operation];
  if (!snippet) return [];
  return [
    { lang: 'python', label: 'Python', source: `${SNIPPETS_BEGIN.python}\n\n${snippet.python}\n` },
    { lang: 'typescript', label: 'TypeScript', source: `${SNIPPETS_BEGIN.typescript}\n\n${snippet.typescript}\n` },
  ];
}

/** Copies the samples into the descriptions, because Swagger UI does not show `x-codeSamples`. */
export function withSamplesInDescriptions(document: Readonly<Record<string, unknown>>): Record<string, unknown> {
  type Operation = { description?: string; 'x-codeSamples'?: ReturnType<typeof codeSamples> };
  const paths = Object.entries(document.paths as Record<string, Record<string, Operation>>).map(
    ([path, operations]) => [
      path,
      Object.fromEntries(
        Object.entries(operations).map(([method, operation]) => {
          const samples = (operation['x-codeSamples'] ?? []).map(
            ({ lang, label, source }) => `**${label}**\n\n\`\`\`${lang}\n${source}\`\`\``,
          );
          return [
            method,
            { ...operation, description: [operation.description, ...samples].filter(Boolean).join('\n\n') },
          ];
        }),
      ),
    ],
  );
  return { ...document, paths: Object.fromEntries(paths) };
}
