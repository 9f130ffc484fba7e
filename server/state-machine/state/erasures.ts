/**
 * What the fold keeps of an erased job: no personal field, only what is needed to delete its objects and to recognise its id.
 *
 *     erased   readers no longer find it; its objects are being deleted
 *     cleaned  they are gone: audio, transcript, views, record in the archive, rows for analytics
 *     swept    the retention of the journal has passed, and late writes of other instances have been deleted, too
 *     ended    no segment and no snapshot holds the job any more; the record is dropped, unless a source may report the job again
 *
 * The id, the times of its ends and the ids of its workers are not personal: users choose none of them, except the ids that a
 * source reports.
 */
import type { JobRecord } from './records.ts';
import { finished } from './records.ts';
import type { State } from './state.ts';

export const ERASURE_STAGES = ['erased', 'cleaned', 'swept', 'ended'] as const;
export type ErasureStage = (typeof ERASURE_STAGES)[number];

export const ERASURE_REASONS = ['request', 'retention'] as const;
export type ErasureReason = (typeof ERASURE_REASONS)[number];

/** Where the objects of an erased job are. */
export type Remains = {
  /** Its ends, by which its views are named. */
  ends: readonly (readonly [state: 'COMPLETED' | 'FAILED' | 'CANCELLED', at_ms: number])[];
  /** Workers that it was handed to, which have a view of it each. */
  workers: readonly string[];
  /** The upload that is its recording; null if it is elsewhere. */
  upload_id: string | null;
};

export type ErasureRecord = Remains & {
  job_id: string;
  /** The segment that erased it: earlier ones hold its fields until they are truncated. */
  seq: number;
  erased_ms: number;
  /** The actor. */
  by: string;
  reason: ErasureReason;
  stage: ErasureStage;
  /** A source reported it, and may do so again. */
  observed: boolean;
};

/** Erased jobs that sources reported, remembered after the end so that they do not come back; the oldest are forgotten first. */
export const OBSERVED_MAX = 100_000;

export function remainsOf({ state, completed_ms, audio_url, history, run, earlier }: JobRecord): Remains {
  const ends = new Map<string, Remains['ends'][number]>();
  const add = (name: JobRecord['state'], at_ms: number) => {
    if (finished(name)) ends.set(`${name}|${at_ms}`, [name as Remains['ends'][number][0], at_ms]);
  };
  for (const entry of history) add(entry.state, entry.at_ms);
  if (completed_ms !== null) add(state, completed_ms);
  const workers = new Set<string>();
  for (const { worker_id } of history) if (worker_id !== undefined) workers.add(worker_id);
  for (const { worker_id } of run ? [...earlier, run] : earlier) workers.add(worker_id);
  return { ends: [...ends.values()], workers: [...workers], upload_id: uploadOf(audio_url) };
}

/** The upload that the URL of a recording names. */
export const uploadOf = (audio_url: string): string | null => /^upload:\/\/([^/]+)/.exec(audio_url)?.[1] ?? null;

export const isErased = ({ tables }: State, job_id: string): boolean => tables.erasures.has(job_id);
