/** Traces over real processes: the monitor, a worker and an OTLP receiver. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jobEnd } from '../agent/testing-worker.ts';
import { type Cleaning, startTestMonitor, startTmon, type TestMonitor } from '../test/processes/tmon.ts';
import { wav } from '../test/processes/wav.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../test/servers/otlp-receiver.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const ABOVE = 'b7ad6b7169203331';
const SEGMENTS = '{"segments":[{"start":0,"end":1,"text":"hello"}]}';
const ENGINE = `exec:sh -c 'printf "%s" "$3" > "$2"' sh {input} {output} '${SEGMENTS}'`;

const environmentOf = ({ endpoint }: OtlpReceiver) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
});

/** Submits a recording, and returns the job's id. */
async function submit(
  { url, api }: TestMonitor,
  headers: Record<string, string> = {},
  more: object = {},
): Promise<string> {
  const { audio_url } = await api.uploads.create({ name: 'tone.wav', body: wav(2) });
  const response = await fetch(`${url}/api/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ audio_url, ...more }),
  });
  assert.equal(response.status, 201);
  return ((await response.json()) as { job_id: string }).job_id;
}

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan =>
  spans.find((span) => span.name === name) ?? assert.fail(`no span ${name}`);

const STAGES = ['job', 'queued', 'attempt', 'download', 'transcribe', 'upload'];

const isWhole = (spans: readonly ReceivedSpan[]): boolean =>
  STAGES.every((stage) => spans.some(({ name }) => name === stage));

async function startWorker(t: Cleaning, { url }: TestMonitor, environment: Record<string, string>): Promise<void> {
  await startTmon(t, ['worker', '--server', url, '--id', 'worker-1', '--engine', ENGINE], { environment }).line(
    / ready /,
  );
}

describe('traces', () => {
  test('follow a job from its submitter over the queue to the transcript, with the times of its stages', async (t) => {
    const receiver = await startOtlpReceiver(t);
    const environment = environmentOf(receiver);
    const monitor = await startTestMonitor(t, {}, environment);
    const job_id = await submit(monitor, { traceparent: `00-${TRACE}-${ABOVE}-01` });
    await startWorker(t, monitor, environment);
    const job = await jobEnd(monitor.api, job_id);
    assert.equal(job.state, 'COMPLETED');
    const spans = await receiver.until(isWhole);
    assert.deepEqual(spans.map(({ name }) => name).sort(), [...STAGES].sort());
    assert.ok(spans.every(({ trace_id }) => trace_id === TRACE));
    const [root, queued, attempt, download, transcribe, upload] = STAGES.map((name) => named(spans, name));
    assert.equal(root!.parent_span_id, ABOVE);
    for (const child of [queued, attempt]) assert.equal(child!.parent_span_id, root!.span_id);
    for (const stage of [download, transcribe, upload]) {
      assert.equal(stage!.parent_span_id, attempt!.span_id);
      assert.equal(stage!.service, 'transcription-worker');
      assert.ok(stage!.start_ms >= attempt!.start_ms);
    }
    assert.equal(root!.service, 'transcription-monitor');
    assert.equal(root!.start_ms, Date.parse(job.created_at));
    assert.equal(root!.end_ms, Date.parse(job.completed_at!));
    assert.equal(queued!.end_ms, attempt!.start_ms);
    assert.ok(download!.end_ms <= transcribe!.start_ms && transcribe!.end_ms <= upload!.start_ms);
    assert.equal(root!.attributes['transcription.job.id'], job_id);
    assert.equal(attempt!.attributes['transcription.worker.id'], 'worker-1');
    assert.equal(download!.attributes['transcription.audio.duration_seconds'], 2);
  });

  test('of a failing job say where and why, also of one without a traceparent, and after a kill of the monitor', async (t) => {
    const receiver = await startOtlpReceiver(t);
    const environment = environmentOf(receiver);
    const monitor = await startTestMonitor(t, {}, environment);
    const job_id = await submit(monitor, {}, { max_attempts: 1 });
    await monitor.kill();
    await monitor.restart();
    const engine = 'exec:sh -c "exit 3" sh {input} {output}';
    startTmon(t, ['worker', '--server', monitor.url, '--engine', engine], { environment });
    const job = await jobEnd(monitor.api, job_id);
    assert.equal(job.state, 'FAILED');
    const spans = await receiver.until(
      (all) => all.some(({ name }) => name === 'job') && all.some(({ name }) => name === 'transcribe'),
    );
    const [root, transcribe] = ['job', 'transcribe'].map((name) => named(spans, name));
    assert.equal(root!.parent_span_id, '');
    assert.equal(transcribe!.trace_id, root!.trace_id);
    assert.equal(root!.start_ms, Date.parse(job.created_at));
    assert.notEqual(transcribe!.error, undefined);
    assert.equal(root!.attributes['error.type'], transcribe!.attributes['error.type']);
  });

  for (const [what, status] of [
    ['refuses everything', 500],
    ['never responds', null],
  ] as const) {
    test(`a collector that ${what} fails no job and does not keep the monitor from stopping`, async (t) => {
      const environment = environmentOf(await startOtlpReceiver(t, { status }));
      const monitor = await startTestMonitor(t, {}, environment);
      const job_id = await submit(monitor, { traceparent: `00-${TRACE}-${ABOVE}-01` });
      await startWorker(t, monitor, environment);
      assert.equal((await jobEnd(monitor.api, job_id)).state, 'COMPLETED');
      assert.equal((await monitor.stop()).code, 0);
    });
  }

  test('without a collector a worker still gets the trace of the submitter, by header or by field', async (t) => {
    const monitor = await startTestMonitor(t);
    await monitor.api.workers.register('worker-1', { capabilities: {} });
    const context = `00-${TRACE}-${ABOVE}-01`;
    await submit(monitor, { traceparent: context });
    await submit(monitor, { traceparent: `00-${'1'.repeat(32)}-${ABOVE}-01` }, { traceparent: context });
    await submit(monitor, { traceparent: 'this is none' });
    const { jobs } = await monitor.api.workers.claim('worker-1', { max_jobs: 3 });
    assert.deepEqual(
      jobs.map(({ traceparent }) => traceparent),
      [context, context, undefined],
    );
  });

  test('a field that is no traceparent is refused', async (t) => {
    const monitor = await startTestMonitor(t);
    const response = await fetch(`${monitor.url}/api/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ audio_url: 's3://bucket/audio.mp3', traceparent: 'this is none' }),
    });
    assert.equal(response.status, 400);
  });

  test('a submission repeated with another traceparent header is the same submission', async (t) => {
    const monitor = await startTestMonitor(t);
    const send = async (span: string) => {
      const response = await fetch(`${monitor.url}/api/v1/jobs`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': 'once',
          traceparent: `00-${TRACE}-${span}-01`,
        },
        body: JSON.stringify({ audio_url: 's3://bucket/audio.mp3' }),
      });
      return [response.status, ((await response.json()) as { job_id: string }).job_id];
    };
    assert.deepEqual(await send('2'.repeat(16)), await send('3'.repeat(16)));
  });
});
