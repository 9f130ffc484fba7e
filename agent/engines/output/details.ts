/**
 * What an output says of a segment beside its times and text: words, who speaks, the channel, the language, whether nothing
 * is said; in the names of the usual programs. What has no place in a transcript becomes `extra`.
 */
import { fittingExtra, SEGMENT_EXTRA_BYTES_MAX, SPEAKER_LENGTH_MAX } from '../../../protocol/transcript-extra.ts';
import type { SpokenSegment } from '../read-transcript.ts';
import { readLanguage } from './language.ts';
import { readTime } from './times.ts';

export type Details = Pick<SpokenSegment, 'words' | 'no_speech' | 'speaker' | 'channel' | 'language' | 'extra'>;

type Fields = Record<string, unknown>;

/** Fields that are read elsewhere: times, text, confidence. */
const KNOWN = new Set([
  ...['id', 'seek', 'start', 'end', 'start_seconds', 'end_seconds', 'start_ms', 'end_ms', 'start_time', 'end_time'],
  ...['offsets', 'timestamp', 'timestamps', 'text', 'word', 'transcript'],
  ...['confidence', 'probability', 'score', 'conf', 'avg_logprob'],
]);
const SPEAKER = ['speaker', 'speaker_id', 'speaker_label'] as const;
const CHANNEL = ['channel', 'channel_index', 'channel_id'] as const;
const LANGUAGE = ['language', 'detected_language'] as const;
const NO_SPEECH = ['no_speech', 'no_speech_prob'] as const;
const CHANNEL_MAX = 255;

/** `start_seconds` and `end_seconds`: of the segment; words without times of their own lie between their neighbours. */
export function detailsOf(
  item: Fields,
  { start_seconds, end_seconds }: { start_seconds: number | null; end_seconds: number | null },
): Details {
  const used = new Set<string>(KNOWN);
  const first = <T>(names: readonly string[], read: (value: unknown) => T | undefined): T | undefined => {
    for (const name of names) {
      const found = read(item[name]);
      if (found === undefined) continue;
      used.add(name);
      return found;
    }
    return undefined;
  };
  const words = first(['words'], (value) => readWords(value, start_seconds ?? 0, end_seconds));
  const speaker = first(SPEAKER, readSpeaker) ?? commonSpeaker(words);
  const channel = first(CHANNEL, readChannel);
  const language = first(LANGUAGE, (value) => readLanguage(value) ?? undefined);
  const no_speech = first(NO_SPEECH, finite);
  const given = isFields(item.extra) ? item.extra : {};
  used.add('extra');
  const others = Object.fromEntries(Object.entries(item).filter(([name, value]) => !used.has(name) && !isEmpty(value)));
  const extra = fittingExtra({ ...others, ...given }, SEGMENT_EXTRA_BYTES_MAX);
  return withoutUndefined({ words, no_speech, speaker, channel, language, extra });
}

/**
 * OpenAI's `verbose_json` has all words in one list beside the segments: each belongs to the last segment that has begun. Segments
 * with words of their own keep them.
 */
export function withSharedWords<T extends { start_seconds: number | null } & Pick<Details, 'words'>>(
  segments: readonly T[],
  list: unknown,
): T[] {
  const words = readWords(list, 0, null);
  if (words === undefined || segments.some((segment) => segment.words !== undefined)) return [...segments];
  const starts = segments.map(({ start_seconds }) => start_seconds ?? Number.POSITIVE_INFINITY);
  const shared = segments.map((): NonNullable<Details['words']> => []);
  for (const word of words) {
    const at = starts.findLastIndex((start) => start <= word.start_seconds + INEXACT_SECONDS);
    shared[Math.max(0, at)]?.push(word);
  }
  return segments.map((segment, at) => (shared[at]!.length === 0 ? segment : { ...segment, words: shared[at]! }));
}

/** A word may begin a moment before its segment. */
const INEXACT_SECONDS = 0.05;

/** Undefined unless it is a list of words. */
function readWords(value: unknown, start: number, end: number | null): SpokenSegment['words'] | undefined {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isFields)) return undefined;
  let before = start;
  return value.flatMap((word, at) => {
    const text = word.punctuated_word ?? word.word ?? word.text;
    if (typeof text !== 'string' || text.trim() === '') return [];
    const start_seconds = timeOf(word, 'start', 'from', 0) ?? before;
    const next = value[at + 1] === undefined ? end : timeOf(value[at + 1]!, 'start', 'from', 0);
    const end_seconds = Math.max(start_seconds, timeOf(word, 'end', 'to', 1) ?? next ?? start_seconds);
    before = end_seconds;
    const certain = [word.probability, word.score, word.confidence, word.conf, word.p].map(finite);
    const probability = certain.find((one) => one !== undefined) ?? null;
    const speaker = SPEAKER.map((name) => readSpeaker(word[name])).find((one) => one !== undefined);
    const channel = CHANNEL.map((name) => readChannel(word[name])).find((one) => one !== undefined);
    return [{ start_seconds, end_seconds, text, probability, ...withoutUndefined({ speaker, channel }) }];
  });
}

function timeOf(word: Fields, name: 'start' | 'end', offset: 'from' | 'to', at: 0 | 1): number | null {
  const ms = isFields(word.offsets) ? word.offsets[offset] : word[`${name}_ms`];
  if (ms !== undefined) return thousandth(readTime(ms) ?? null);
  const pair = Array.isArray(word.timestamp) ? word.timestamp[at] : undefined;
  return readTime(word[`${name}_seconds`] ?? word[name] ?? word[`${name}_time`] ?? pair) ?? null;
}

const thousandth = (value: number | null): number | null => (value === null ? null : value / 1000);

/** A number is that of a speaker. */
function readSpeaker(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return `Speaker ${value}`;
  if (typeof value !== 'string') return undefined;
  const name = value
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, SPEAKER_LENGTH_MAX);
  return name === '' ? undefined : name;
}

/** A number from 0, also as a text; `left` and `right`; Deepgram's `[0, 2]` is the first of two. */
function readChannel(value: unknown): number | undefined {
  const one = Array.isArray(value) ? value[0] : value;
  const side = typeof one === 'string' ? ['left', 'right'].indexOf(one.trim().toLowerCase()) : -1;
  if (side !== -1) return side;
  const number = typeof one === 'string' && /^\d{1,3}$/.test(one.trim()) ? Number(one) : one;
  const valid = typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= CHANNEL_MAX;
  return valid ? number : undefined;
}

/** Who speaks all of the words. */
function commonSpeaker(words: SpokenSegment['words'] = []): string | undefined {
  const speaker = words[0]?.speaker;
  return words.every((word) => word.speaker === speaker) ? speaker : undefined;
}

/** Says nothing: null, an empty list, object or text. */
export const isEmpty = (value: unknown): boolean =>
  value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);

const finite = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function withoutUndefined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
