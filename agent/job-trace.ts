/** The trace of one attempt at a job: a span for each stage, below the span that the monitor names in the claim. */
import { randomBytes } from 'node:crypto';
import { parseTraceparent } from '../protocol/trace-context.ts';
import type { FinishedSpan, SpanExport } from '../tracing/span.ts';

export type StageName = 'download' | 'transcribe' | 'upload';

export type Attributes = FinishedSpan['attributes'];

export type JobTrace = {
  /** Runs a stage and records when it was, with what `of` says about its result. */
  stage<T>(name: StageName, run: () => Promise<T>, of?: (result: T) => Attributes): Promise<T>;
};

/** `traceparent`: of the claim. `now`: milliseconds since 1970. */
export function traceOf(
  { traceparent, attributes }: { traceparent: string | undefined; attributes: Attributes },
  spans: Pick<SpanExport, 'export'> | undefined,
  now: () => number = Date.now,
): JobTrace {
  const above = parseTraceparent(traceparent);
  if (!spans || !above?.sampled) return { stage: (_, run) => run() };
  const { trace_id, span_id: parent_span_id } = above;
  return {
    async stage(name, run, of) {
      const start_ms = now();
      const record = (more: Attributes, error: string | null) =>
        spans.export({
          trace_id,
          span_id: randomBytes(8).toString('hex'),
          parent_span_id,
          name,
          start_ms,
          end_ms: now(),
          attributes: { ...attributes, ...more },
          error,
        });
      try {
        const result = await run();
        record(of?.(result) ?? {}, null);
        return result;
      } catch (error) {
        const { code } = error as { code?: unknown };
        const type: Attributes = typeof code === 'string' ? { 'error.type': code } : {};
        record(type, error instanceof Error ? error.message : String(error));
        throw error;
      }
    },
  };
}
