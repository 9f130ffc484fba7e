/**
 * Transcripts in JSON:
 *
 *     {"segments": [{"start", "end", "text"}]}            the Whisper family, ours (start_seconds, …), OpenAI's verbose_json
 *     {"transcription": [{"offsets": {"from", "to"}}]}    whisper.cpp, in milliseconds
 *     {"chunks": [{"timestamp": [0.0, 3.2], "text"}]}     transformers pipelines
 *     {"words": [{"word", "start", "end"}]}               OpenAI's verbose_json with words alone
 *     {"result": [{"word", "start", "end"}], "text"}      Vosk
 *     [ … ]                                               any of these lists by itself
 *     {"text": "…"}                                       text without times
 *     one object on each line                             segments, or any of these
 *
 * NaN and Infinity, which Python writes, are null. Words say when a segment without times begins and ends, and how certain
 * it is.
 */
import { detailsOf, withSharedWords } from './details.ts';
import { factsOf } from './extra.ts';
import { readLanguage } from './language.ts';
import { readTime } from './times.ts';
import { NotATranscript, type WrittenSegment, type WrittenTranscript } from './written.ts';

/** A `[` may also begin text: `[Music]`, `[00:00.000 --> 00:02.000] Hello`. */
export function looksLikeJson(text: string): boolean {
  return (
    /^\s*(?:\{|\[\s*(?:$|[[\]{"]|-?\d|(?:null|true|false|NaN|-?Infinity)\b))/.test(text) &&
    !/^\s*\[[^\]\n]*-->/.test(text)
  );
}

/** Throws NotATranscript. */
export function readJson(text: string): WrittenTranscript {
  const whole = parse(text);
  if (whole !== undefined) return readValue(whole);
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const values = lines.map(parse);
  const wrong = values.indexOf(undefined);
  if (values.length < 2 || wrong === 0) throw new NotATranscript(`it begins like JSON, but ${reasonOf(text)}`);
  if (wrong !== -1) throw new NotATranscript(`its line ${wrong + 1} is not JSON: ${reasonOf(lines[wrong]!)}`);
  return joined(values.map((value) => (isSegment(value) ? readList([value], 'segment') : readValue(value))));
}

function readValue(value: unknown): WrittenTranscript {
  if (Array.isArray(value)) {
    if (value.every((item) => isRecord(item) && !isSegment(item)) && value.length > 0)
      return joined(value.map(readObject));
    return readList(value, 'segment');
  }
  if (isRecord(value)) return readObject(value);
  throw new NotATranscript('it is JSON, but neither an object nor a list');
}

/** Lists of segments before lists of words: some outputs have both. */
const LISTS = ['segments', 'transcription', 'chunks', 'words', 'word_segments', 'result'] as const;

function readObject(value: Record<string, unknown>): WrittenTranscript {
  const result = isRecord(value.result) ? value.result : {};
  const known = {
    language: readLanguage(value.language ?? value.detected_language ?? result.language),
    duration_seconds: positive(readTime(value.duration_seconds ?? value.duration)),
    ...factsOf(value),
  };
  const text = typeof value.text === 'string' ? value.text : undefined;
  for (const name of LISTS) {
    const list = value[name];
    if (!Array.isArray(list) || (list.length === 0 && text !== undefined)) continue;
    const { segments } = readList(list, name === 'segments' ? 'segment' : name);
    // Vosk: the words of one utterance.
    if (name === 'result') return { ...known, segments: [utteranceOf(segments, text)] };
    return { ...known, segments: name === 'segments' ? withSharedWords(segments, value.words) : segments };
  }
  // Its other fields are of the segment.
  if (isSegment(value)) return { ...known, extra: undefined, segments: readList([value], 'segment').segments };
  if (text !== undefined) return { ...known, segments: [{ ...UNTIMED, text }] };
  // A last line with facts alone.
  if (known.language !== null || known.duration_seconds !== null) return { ...known, segments: [] };
  const said = value.error ?? value.message ?? value.detail;
  const keys = Object.keys(value).slice(0, 8).join(', ');
  throw new NotATranscript(
    said === undefined || said === null
      ? `it is JSON without segments or text; it has ${keys === '' ? 'nothing' : keys}`
      : `it is JSON with an error: ${JSON.stringify(said).slice(0, 300)}`,
  );
}

const UNTIMED = { start_seconds: null, end_seconds: null, confidence: null };

function readList(list: readonly unknown[], what: string): WrittenTranscript {
  const segments = list.map((item, at) => readSegment(item, `${what} ${at + 1}`));
  return { segments, language: null, duration_seconds: null };
}

function readSegment(item: unknown, what: string): WrittenSegment {
  if (Array.isArray(item)) return readTuple(item, what);
  if (!isRecord(item)) throw new NotATranscript(`${what} is ${item === null ? 'null' : `a ${typeof item}`}`);
  const words = Array.isArray(item.words) ? item.words.filter(isRecord) : [];
  const text =
    item.text ?? item.word ?? item.transcript ?? (words.length > 0 ? words.map(wordOf).join(' ') : undefined);
  if (typeof text !== 'string') throw new NotATranscript(`${what} has no text`);
  const [start, end] = timesOf(item, what);
  const wordTimes = words.map((word) => timesOf(word, what));
  const times = {
    start_seconds: start ?? wordTimes.find(([from]) => from !== null)?.[0] ?? null,
    end_seconds: end ?? wordTimes.findLast(([, to]) => to !== null)?.[1] ?? null,
  };
  return { ...times, text, confidence: confidenceOf(item), ...detailsOf(item, times) };
}

/** `[start, end, text]`, also with fields before and after, as a named tuple of Python becomes. */
function readTuple(item: readonly unknown[], what: string): WrittenSegment {
  const at = item.findIndex((value) => typeof value === 'string');
  if (at < 2) throw new NotATranscript(`${what} is a list without a start, an end and a text`);
  const [start, end] = [asTime(item[at - 2], what), asTime(item[at - 1], what)];
  return { start_seconds: start, end_seconds: end, text: item[at] as string, confidence: null };
}

function timesOf(item: Record<string, unknown>, what: string): [start: number | null, end: number | null] {
  if (isRecord(item.offsets)) {
    const { from, to } = item.offsets;
    return [thousandth(asTime(from, what)), thousandth(asTime(to, what))];
  }
  if (Array.isArray(item.timestamp)) return [asTime(item.timestamp[0], what), asTime(item.timestamp[1], what)];
  if (item.start_ms !== undefined)
    return [thousandth(asTime(item.start_ms, what)), thousandth(asTime(item.end_ms, what))];
  const clock = isRecord(item.timestamps) ? item.timestamps : {};
  return [
    asTime(item.start_seconds ?? item.start ?? item.start_time ?? clock.from, what),
    asTime(item.end_seconds ?? item.end ?? item.end_time ?? clock.to, what),
  ];
}

function asTime(value: unknown, what: string): number | null {
  const time = readTime(value);
  if (time === undefined) throw new NotATranscript(`${what} has the time ${JSON.stringify(value)?.slice(0, 60)}`);
  return time;
}

const thousandth = (value: number | null): number | null => (value === null ? null : value / 1000);

const positive = (value: number | null | undefined): number | null =>
  value !== null && value !== undefined && value > 0 ? value : null;

/**
 * Of the segment itself, or the mean of its words or tokens. Whisper's `avg_logprob` is the mean log probability of the
 * tokens; its exponential is their geometric mean.
 */
function confidenceOf(item: Record<string, unknown>): number | null {
  const own = finite(item.confidence ?? item.probability ?? item.score ?? item.conf);
  if (own !== null) return own;
  const log = finite(item.avg_logprob);
  if (log !== null) return Math.exp(log);
  const parts = (Array.isArray(item.words) ? item.words : Array.isArray(item.tokens) ? item.tokens : []).filter(
    isRecord,
  );
  const spoken = parts.filter((part) => !(typeof part.text === 'string' && part.text.startsWith('[_')));
  const certain = spoken.map((part) => finite(part.p ?? part.score ?? part.probability ?? part.conf));
  const known = certain.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

const finite = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);

const wordOf = (word: Record<string, unknown>): string => String(word.word ?? word.text ?? '').trim();

/** One segment of the words that were spoken in one breath. */
function utteranceOf(
  words: readonly WrittenSegment[],
  text = words.map((word) => word.text).join(' '),
): WrittenSegment {
  const certain = words.map(({ confidence }) => confidence).filter((value) => value !== null);
  return {
    start_seconds: words[0]?.start_seconds ?? null,
    end_seconds: words.at(-1)?.end_seconds ?? null,
    text,
    confidence: certain.length === 0 ? null : certain.reduce((sum, value) => sum + value, 0) / certain.length,
    words: words.map(({ start_seconds, end_seconds, text: word, confidence }) => {
      const start = start_seconds ?? 0;
      return { start_seconds: start, end_seconds: end_seconds ?? start, text: word, probability: confidence };
    }),
  };
}

function joined(parts: readonly WrittenTranscript[]): WrittenTranscript {
  // A summary of the text besides timed segments would say everything twice.
  const timed = parts.some(({ segments }) => segments.some(({ start_seconds }) => start_seconds !== null));
  const kept = parts.flatMap(({ segments }) => segments);
  return {
    segments: timed
      ? kept.filter(({ start_seconds, end_seconds }) => start_seconds !== null || end_seconds !== null)
      : kept,
    language: parts.find(({ language }) => language !== null)?.language ?? null,
    ...oneOf(parts, 'model'),
    ...oneOf(parts, 'extra'),
    duration_seconds: parts.findLast(({ duration_seconds }) => duration_seconds !== null)?.duration_seconds ?? null,
  };
}

/** The last that says it. */
function oneOf<K extends 'model' | 'extra'>(parts: readonly WrittenTranscript[], name: K) {
  const found = parts.findLast((part) => part[name] !== undefined)?.[name];
  return found === undefined ? {} : { [name]: found };
}

const TIME_FIELDS = ['start', 'end', 'start_seconds', 'start_ms', 'start_time', 'offsets', 'timestamp', 'timestamps'];

/** By itself a segment: it has a text and a time. */
function isSegment(value: unknown): boolean {
  if (!isRecord(value) || Array.isArray(value.segments)) return false;
  const spoken = value.text ?? value.word ?? value.words;
  return spoken !== undefined && TIME_FIELDS.some((field) => field in value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined if it isn't JSON, even with NaN, Infinity, and control characters in strings (whisper.cpp escapes none). */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const mended = text
      .replace(/\p{Cc}/gu, ' ')
      .replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (found) => (found.startsWith('"') ? found : 'null'));
    try {
      return JSON.parse(mended);
    } catch {
      return undefined;
    }
  }
}

function reasonOf(text: string): string {
  try {
    JSON.parse(text);
    return 'it is not an object';
  } catch (error) {
    return (error as Error).message.slice(0, 200);
  }
}
