/**
 * Traces of jobs: when this instance commits the end of a job, its spans are made from its record and given to the
 * export. Nothing waits for that, and nothing is kept meanwhile, so a restart in the middle of a job costs no span.
 */

import type { SpanExport } from '../../../tracing/span.ts';
import type { AppliedSegment, Engine } from '../../engine.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import { attemptTraceparent, spansOfJob } from './job-spans.ts';

const ENDS: ReadonlySet<string> = new Set(['JobCompleted', 'JobFailed', 'JobCancelled']);

/** The `traceparent` that a worker gets with a job; null if none is known. */
export type TraceOf = (job: JobRecord) => string | null;

/** Without an export the worker continues the submitter's trace, if there is one. */
export const submittersTrace: TraceOf = ({ traceparent }) => traceparent ?? null;

export const attemptsTrace: TraceOf = attemptTraceparent;

/** Returns a function that ends it. */
export function traceJobs(engine: Pick<Engine, 'subscribe' | 'state'>, spans: Pick<SpanExport, 'export'>): () => void {
  return engine.subscribe((segment: AppliedSegment | null) => {
    // Another instance traces what it wrote.
    if (!segment?.own) return;
    for (const { type, entity } of segment.events) {
      const job = ENDS.has(type) ? engine.state.job(entity) : undefined;
      for (const span of job ? spansOfJob(job) : []) spans.export(span);
    }
  });
}
