/** Transcripts of the channels of one recording, as one: segments by time, each with its channel. */
import type { Transcript, TranscriptQuality, TranscriptSegment, TranscriptWarning } from '../../protocol/transcript.ts';

export type ChannelTranscript = { channel: number; transcript: Transcript & { quality: TranscriptQuality } };

const REASONS_MAX = 100;

/** Of one channel at least. `about`: what is known of the whole recording. */
export function mergeChannels(
  parts: readonly ChannelTranscript[],
  about: readonly TranscriptWarning[] = [],
): Transcript & { quality: TranscriptQuality } {
  const [first] = parts;
  const languages = new Set(parts.filter(isSpoken).map(({ transcript }) => transcript.language));
  const segments = parts
    .flatMap(({ channel, transcript }) => {
      const of = languages.size > 1 && transcript.language !== null ? { language: transcript.language } : {};
      return transcript.segments.map((segment) => inChannel({ ...of, ...segment }, channel));
    })
    .sort((a, b) => a.start_seconds - b.start_seconds || a.channel! - b.channel!)
    .map((segment, id) => ({ ...segment, id }));
  const warnings = distinct([...about, ...parts.flatMap(({ transcript }) => transcript.warnings ?? [])]);
  return {
    ...first!.transcript,
    text: segments.map(({ text }) => text).join(' '),
    language: mostSpoken(parts),
    duration_seconds: Math.max(...parts.map(({ transcript }) => transcript.duration_seconds)),
    segments,
    ...(warnings.length === 0 ? {} : { warnings }),
    quality: mergedQuality(parts),
  };
}

const isSpoken = ({ transcript }: ChannelTranscript): boolean => transcript.segments.length > 0;

const inChannel = (segment: TranscriptSegment, channel: number): TranscriptSegment => ({
  ...segment,
  channel,
  ...(segment.words === undefined ? {} : { words: segment.words.map((word) => ({ ...word, channel })) }),
});

/** The language that is spoken longest. */
function mostSpoken(parts: readonly ChannelTranscript[]): string | null {
  const seconds = new Map<string, number>();
  for (const { transcript } of parts) {
    const { language, segments } = transcript;
    if (language === null) continue;
    const spoken = segments.reduce((sum, { start_seconds, end_seconds }) => sum + (end_seconds - start_seconds), 0);
    seconds.set(language, (seconds.get(language) ?? 0) + spoken);
  }
  return [...seconds].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

const distinct = (warnings: readonly TranscriptWarning[]): TranscriptWarning[] => [
  ...new Map(warnings.map((warning) => [`${warning.code} ${warning.message}`, warning])).values(),
];

function mergedQuality(parts: readonly ChannelTranscript[]): TranscriptQuality {
  const reasons = parts
    .flatMap(({ channel, transcript }) =>
      transcript.quality.reasons.map((reason) => ({ ...reason, message: `channel ${channel}: ${reason.message}` })),
    )
    .sort((a, b) => a.start_seconds - b.start_seconds);
  const suspect = parts.some(({ transcript }) => transcript.quality.suspect);
  return { suspect, reasons: reasons.slice(0, REASONS_MAX) };
}
