/** Transcripts in the form of OpenAI's `verbose_json`. */
import { deflateSync } from 'node:zlib';
import type { Transcript, TranscriptSegment } from '../../protocol/transcript.ts';
import type { VerboseSegment, VerboseTranscript, VerboseWord } from '../../protocol/verbose-transcript.ts';

export type Task = VerboseTranscript['task'];
export type Granularity = 'segment' | 'word';

export function verboseJson(
  transcript: Transcript,
  { task, granularities }: { task: Task; granularities: readonly Granularity[] },
): VerboseTranscript {
  const { language, duration_seconds, text, segments } = transcript;
  return {
    task,
    language: languageName(language),
    duration: duration_seconds,
    text,
    ...(granularities.includes('segment') && { segments: segments.map(verboseSegment) }),
    ...(granularities.includes('word') && { words: segments.flatMap(wordsOf) }),
    usage: usageOf(transcript),
  };
}

export const usageOf = ({ duration_seconds }: Transcript): VerboseTranscript['usage'] => ({
  type: 'duration',
  seconds: Math.ceil(duration_seconds),
});

function verboseSegment(segment: TranscriptSegment): VerboseSegment {
  const { id, start_seconds, end_seconds, text, confidence, no_speech = 0 } = segment;
  return {
    id,
    seek: Math.round(start_seconds * FRAMES_PER_SECOND),
    start: start_seconds,
    end: end_seconds,
    text,
    tokens: [],
    temperature: 0,
    avg_logprob: confidence === null ? 0 : Math.log(Math.max(confidence, Number.MIN_VALUE)),
    compression_ratio: compressionRatio(text),
    no_speech_prob: no_speech,
    ...voiceOf(segment),
  };
}

const wordsOf = ({ words = [] }: TranscriptSegment): VerboseWord[] =>
  words.map((word) => ({
    word: word.text.trim(),
    start: word.start_seconds,
    end: word.end_seconds,
    ...voiceOf(word),
  }));

const voiceOf = ({ speaker, channel }: Pick<TranscriptSegment, 'speaker' | 'channel'>) => ({
  ...(speaker !== undefined && { speaker }),
  ...(channel !== undefined && { channel }),
});

/** Whisper's frames: 10 ms each. */
const FRAMES_PER_SECOND = 100;

/** As Whisper computes it: high for text that repeats itself. */
function compressionRatio(text: string): number {
  const bytes = Buffer.from(text);
  return bytes.length / deflateSync(bytes).length;
}

const LANGUAGES = new Intl.DisplayNames(['en'], { type: 'language' });

/** `en` is `english`, as in OpenAI's responses; a code that has no name is returned as it is. */
function languageName(code: string | null): string {
  if (code === null) return 'unknown';
  try {
    return (LANGUAGES.of(code) ?? code).toLowerCase();
  } catch {
    return code;
  }
}
