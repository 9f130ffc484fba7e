/** Words for a job and its state. */
import type { Job } from '../../../protocol/job.ts';
import type { VerdictStatus } from '../../../protocol/verdict.ts';

/** The last part of its path, decoded: what people call the recording. */
export function nameOf({ input, job_id }: Pick<Job, 'job_id'> & { input: Pick<Job['input'], 's3_path'> }): string {
  const last = input.s3_path.replace(/\/+$/, '').split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || job_id;
  } catch {
    return last || job_id;
  }
}

const STATES: Readonly<Record<Job['state'], string>> = {
  SUBMITTED: 'submitted',
  QUEUED: 'waiting',
  PROCESSING: 'running',
  CANCELLING: 'cancelling',
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
};

export const stateWord = (state: Job['state']): string => STATES[state];

export type Tone = 'ok' | 'warn' | 'bad' | 'idle' | 'work';

const VERDICTS: Readonly<Record<VerdictStatus, Tone>> = {
  on_track: 'ok',
  slow: 'warn',
  starved: 'warn',
  hung: 'bad',
  dead: 'bad',
  blocked: 'bad',
};

export const verdictTone = (status: VerdictStatus): Tone => VERDICTS[status];

export const verdictWord = (status: VerdictStatus): string => status.replace('_', ' ');

const STATE_TONES: Readonly<Record<Job['state'], Tone>> = {
  SUBMITTED: 'idle',
  QUEUED: 'idle',
  PROCESSING: 'work',
  CANCELLING: 'warn',
  COMPLETED: 'ok',
  FAILED: 'bad',
  CANCELLED: 'idle',
};

export const stateTone = (state: Job['state']): Tone => STATE_TONES[state];

/** `Transcribing`, from a stage in upper case. */
export function stageWord(stage: string | null): string {
  return stage === null ? '' : stage.charAt(0) + stage.slice(1).toLowerCase().replaceAll('_', ' ');
}

/** A name within a sentence, whose own direction of writing does not reorder what is around it. */
export const isolated = (name: string): string => `\u2068${name}\u2069`;
