/**
 * Builds a Transcript from an engine's output: segments of its library, a JSON file in one of two forms, or plain text.
 */
import type { Transcript, TranscriptExtra, TranscriptSegment, TranscriptWord } from '../../protocol/transcript.ts';
import { extraBytes, SEGMENTS_EXTRA_BYTES_MAX } from '../../protocol/transcript-extra.ts';
import { detailsOf, withSharedWords } from './output/details.ts';
import { factsOf } from './output/extra.ts';

export type SpokenSegment = {
  start_seconds: number;
  end_seconds: number;
  text: string;
  confidence: number | null;
} & Pick<TranscriptSegment, 'words' | 'no_speech' | 'speaker' | 'channel' | 'language' | 'extra'>;

export type TranscriptFacts = {
  engine: string;
  /** Of the engine. */
  engine_version?: string | undefined;
  /** The model alone. */
  model?: string | undefined;
  /** What else the engine reports. */
  extra?: TranscriptExtra | undefined;
  /** Null if unknown. */
  duration_seconds: number | null;
  /** Whether the engine itself has measured the length, by decoding the audio. Default false. */
  measured?: boolean;
};

/**
 * Numbers and joins the segments: sorted, trimmed, empty ones dropped, times in milliseconds. The times are the
 * engine's: a length that was only estimated changes none. Of a measured length, the last segment may not pass the end,
 * as Whisper's does, whose last window is padded.
 */
export function assembleTranscript(
  segments: readonly SpokenSegment[],
  facts: TranscriptFacts & { language: string | null },
): Transcript {
  const kept = segments
    .map((segment) => ({ ...segment, text: segment.text.trim() }))
    .filter((segment) => segment.text !== '')
    .sort((a, b) => a.start_seconds - b.start_seconds)
    .map((segment, id) => {
      const start_seconds = round(Math.max(0, segment.start_seconds));
      const within = facts.measured === true && start_seconds < (facts.duration_seconds ?? 0);
      const latest = within ? facts.duration_seconds! : Number.POSITIVE_INFINITY;
      const end_seconds = round(clamp(segment.end_seconds, start_seconds, latest));
      const confidence = segment.confidence === null ? null : round(clamp(segment.confidence, 0, 1));
      const { words, no_speech, speaker, channel, language, extra } = segment;
      return {
        id,
        start_seconds,
        end_seconds,
        text: segment.text,
        confidence,
        ...(words === undefined ? {} : { words: words.map((word) => tidyWord(word)) }),
        ...(no_speech === undefined ? {} : { no_speech: round(clamp(no_speech, 0, 1)) }),
        ...(speaker === undefined ? {} : { speaker }),
        ...(channel === undefined ? {} : { channel }),
        ...(language === undefined || language === facts.language ? {} : { language }),
        ...(extra === undefined ? {} : { extra }),
      };
    });
  dropExcess(kept);
  const { engine_version, model, extra } = facts;
  return {
    text: kept.map((segment) => segment.text).join(' '),
    language: facts.language,
    duration_seconds: round(facts.duration_seconds ?? Math.max(0, ...kept.map((segment) => segment.end_seconds))),
    engine: facts.engine,
    ...(engine_version === undefined ? {} : { engine_version }),
    ...(model === undefined ? {} : { model }),
    segments: kept,
    ...(extra === undefined ? {} : { extra }),
  };
}

/** What is more than all segments may have is left out at the end. */
function dropExcess(segments: { extra?: TranscriptExtra }[]): void {
  let bytes = 0;
  for (const segment of segments) {
    if (segment.extra === undefined) continue;
    bytes += extraBytes(segment.extra);
    if (bytes > SEGMENTS_EXTRA_BYTES_MAX) delete segment.extra;
  }
}

/**
 * Parses JSON that is a transcript: ours, or the Whisper family's `{language, duration?, segments: [{start, end, text,
 * avg_logprob?}]}`. Null if it is anything else.
 */
export function readTranscriptJson(json: string, facts: TranscriptFacts): Transcript | null {
  const value = parseJson(json);
  if (!isRecord(value)) return null;
  const language = typeof value.language === 'string' && value.language !== '' ? value.language : null;
  const said = factsOf(value);
  const known = { ...facts, model: facts.model ?? said.model, extra: said.extra };
  const measured = value.duration_seconds ?? value.duration;
  if (typeof measured === 'number' && measured > 0)
    return readTranscript(value, { ...known, language, duration_seconds: measured, measured: true });
  return readTranscript(value, { ...known, language });
}

function readTranscript(
  value: Record<string, unknown>,
  facts: TranscriptFacts & { language: string | null },
): Transcript | null {
  if (Array.isArray(value.segments)) {
    const segments: SpokenSegment[] = [];
    for (const item of value.segments) {
      const segment = isRecord(item) ? readSegment(item) : null;
      if (segment === null) return null;
      segments.push(segment);
    }
    if (segments.length > 0 || typeof value.text !== 'string')
      return assembleTranscript(withSharedWords(segments, value.words), facts);
  }
  return typeof value.text === 'string' ? transcriptOfText(value.text, facts) : null;
}

/** Text without times: one segment over the whole audio. */
export function transcriptOfText(text: string, facts: TranscriptFacts & { language?: string | null }): Transcript {
  const whole = { start_seconds: 0, end_seconds: facts.duration_seconds ?? 0, text, confidence: null };
  return assembleTranscript([whole], { ...facts, language: facts.language ?? null });
}

function readSegment(item: Record<string, unknown>): SpokenSegment | null {
  const start_seconds = item.start_seconds ?? item.start;
  const end_seconds = item.end_seconds ?? item.end;
  const text = item.text;
  if (typeof start_seconds !== 'number' || typeof end_seconds !== 'number' || typeof text !== 'string') return null;
  const times = { start_seconds, end_seconds };
  return { ...times, text, confidence: readConfidence(item), ...detailsOf(item, times) };
}

function tidyWord({ start_seconds, end_seconds, text, probability, ...who }: TranscriptWord): TranscriptWord {
  const start = round(Math.max(0, start_seconds));
  return {
    start_seconds: start,
    end_seconds: Math.max(start, round(end_seconds)),
    text: text.trim(),
    probability: probability === null ? null : round(clamp(probability, 0, 1)),
    ...who,
  };
}

/**
 * Whisper's `avg_logprob` is the mean log probability of a segment's tokens; its exponential is their geometric mean.
 */
function readConfidence(item: Record<string, unknown>): number | null {
  if (typeof item.confidence === 'number') return item.confidence;
  return typeof item.avg_logprob === 'number' ? Math.exp(item.avg_logprob) : null;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
