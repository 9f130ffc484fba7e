/**
 * Whose fault a failed attempt is: it decides whether the attempt counts for the job, and what it says about its worker.
 *
 *     audio     the recording: another worker would fail, too
 *     worker    the machine, the engine, the GPU, the disk: another worker may succeed; the attempt does not count
 *     service   what lies between: a network, a bucket, a server
 *     null      unknown: a crash may be the fault of the recording or of the worker
 */
import type { Static } from 'typebox';
import { Words } from './schema.ts';

export const FAULTS = ['audio', 'worker', 'service'] as const;
export const Fault = Words(
  FAULTS,
  "Whose fault it is: the recording's (`audio`), the worker's own (`worker`), or of what lies between (`service`).",
);
export type Fault = Static<typeof Fault>;

const OF_WORKER: ReadonlySet<string> = new Set([
  'disk_full',
  'engine_broken',
  'engine_choice_invalid',
  'engine_missing',
  'engine_stalled',
  'gpu_unavailable',
]);
const OF_SERVICE: ReadonlySet<string> = new Set(['audio_unreachable', 'engine_unreachable']);
const OF_AUDIO: ReadonlySet<string> = new Set(['no_audio_track', 'not_audio']);

/** The fault that a code means; null for a code that says nothing about it, such as `engine_crashed`. */
export function faultOf(code: string): Fault | null {
  if (OF_WORKER.has(code)) return 'worker';
  if (OF_SERVICE.has(code)) return 'service';
  return OF_AUDIO.has(code) || code.startsWith('audio_') ? 'audio' : null;
}
