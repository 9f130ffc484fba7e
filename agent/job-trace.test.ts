/** Spans of a job's stages, and when there are none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FinishedSpan } from '../tracing/span.ts';
import { EngineError } from './engines/engine.ts';
import { traceOf } from './job-trace.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const ABOVE = 'b7ad6b7169203331';

function traced(traceparent: string | undefined) {
  const spans: FinishedSpan[] = [];
  let now_ms = 1_000;
  const trace = traceOf(
    { traceparent, attributes: { job: 'job-1' } },
    { export: (span) => spans.push(span) },
    () => now_ms,
  );
  const pass = (by_ms: number) => {
    now_ms += by_ms;
  };
  return { trace, spans, pass };
}

test('a stage has its times, its result in words, and the span of the claim above it', async () => {
  const { trace, spans, pass } = traced(`00-${TRACE}-${ABOVE}-01`);
  const result = await trace.stage(
    'download',
    async () => {
      pass(500);
      return 42;
    },
    (bytes) => ({ bytes }),
  );
  assert.equal(result, 42);
  const [{ span_id, ...span }] = spans as [FinishedSpan];
  assert.match(span_id, /^[0-9a-f]{16}$/);
  assert.deepEqual(span, {
    trace_id: TRACE,
    parent_span_id: ABOVE,
    name: 'download',
    start_ms: 1_000,
    end_ms: 1_500,
    attributes: { job: 'job-1', bytes: 42 },
    error: null,
  });
});

test('a stage that fails has the error and its code, and fails as before', async () => {
  const { trace, spans } = traced(`00-${TRACE}-${ABOVE}-01`);
  const error = new EngineError('gpu_out_of_memory', 'CUDA out of memory');
  await assert.rejects(
    trace.stage('transcribe', async () => {
      throw error;
    }),
    error,
  );
  assert.deepEqual([spans[0]?.error, spans[0]?.attributes['error.type']], ['CUDA out of memory', 'gpu_out_of_memory']);
});

test('without a trace, or with one that is not sampled, a stage runs and leaves no span', async () => {
  for (const traceparent of [undefined, 'none', `00-${TRACE}-${ABOVE}-00`]) {
    const { trace, spans } = traced(traceparent);
    assert.equal(await trace.stage('upload', async () => 'done'), 'done');
    assert.deepEqual(spans, []);
  }
});
