/** Of a whole output: the fields that have no place in a transcript, and the model that it names. */
import type { TranscriptExtra } from '../../../protocol/transcript.ts';
import { EXTRA_BYTES_MAX, fittingExtra } from '../../../protocol/transcript-extra.ts';
import { isEmpty } from './details.ts';

/** Read elsewhere, or said by the worker itself. */
const KNOWN = new Set([
  ...['text', 'language', 'detected_language', 'duration', 'duration_seconds', 'heard', 'extra'],
  ...['segments', 'transcription', 'chunks', 'words', 'word_segments', 'result'],
  ...['engine', 'engine_version', 'warnings', 'quality', 'job_id', 'sha256'],
]);
const MODEL_LENGTH_MAX = 400;

export type OutputFacts = { model?: string; extra?: TranscriptExtra };

export function factsOf(value: Record<string, unknown>): OutputFacts {
  const { model, extra: given } = value;
  const named = typeof model === 'string' && model !== '' && model.length <= MODEL_LENGTH_MAX;
  const others = Object.fromEntries(
    Object.entries(value).filter(([name, one]) => !KNOWN.has(name) && !isEmpty(one) && !(named && name === 'model')),
  );
  const own = typeof given === 'object' && given !== null && !Array.isArray(given) ? given : {};
  const extra = fittingExtra({ ...others, ...own }, EXTRA_BYTES_MAX);
  return { ...(named ? { model } : {}), ...(extra === undefined ? {} : { extra }) };
}
