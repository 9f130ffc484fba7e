/**
 * A transcript as captions: cues of at most two lines of 42 columns, as players and broadcasters expect. A longer segment becomes
 * several cues, split where a sentence or clause ends near the middle; words say when each begins, and without them the time
 * is shared by length. Characters of East Asian width take two columns.
 */
import type { Transcript, TranscriptSegment } from './transcript.ts';

export const LINE_COLUMNS_MAX = 42;
const NAME_COLUMNS_MAX = 30;
/** Players drop a cue that does not end after its start. */
const CUE_SECONDS_MIN = 0.001;

export type Cue = {
  start_seconds: number;
  end_seconds: number;
  /** Who speaks; null if unknown. */
  voice: string | null;
  lines: string[];
};

/** A part of a segment that cannot be broken: a word, or a piece of a long one. `begins`: whether a word begins with it. */
type Token = { text: string; columns: number; begins: boolean; start_seconds: number; end_seconds: number };

/** What one voice says in a segment. */
export type Turn = { voice: string | null; text: string; start_seconds: number; end_seconds: number };

/** `named`: the lines begin with who speaks, and have room for it. */
export function cuesOf({ segments }: Pick<Transcript, 'segments'>, { named }: { named: boolean }): Cue[] {
  return segments.flatMap((segment) =>
    runsOf(segment).flatMap(({ voice, tokens }) => {
      const name = named && voice !== null ? `${voice}:` : '';
      const prefix = name === '' ? [] : [{ text: name, columns: columnsOf(name) }];
      return split(tokens, prefix).map((part): Cue => {
        const { start_seconds } = part[0]!;
        const end_seconds = Math.max(part.at(-1)!.end_seconds, start_seconds + CUE_SECONDS_MIN);
        return { start_seconds, end_seconds, voice, lines: wrap([...prefix, ...part])! };
      });
    }),
  );
}

/** A segment as a turn of each of its voices; without text there is none. */
export function turnsOf(segment: TranscriptSegment): Turn[] {
  return runsOf(segment).map(({ voice, tokens }) => ({
    voice,
    text: tokens.map(({ text, begins }, at) => (begins && at > 0 ? ` ${text}` : text)).join(''),
    start_seconds: tokens[0]!.start_seconds,
    end_seconds: tokens.at(-1)!.end_seconds,
  }));
}

export function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

/** Of a segment or a word: `SPEAKER_00`, `Channel 1`, or both; null if neither is known. */
export function voiceOf({
  speaker,
  channel,
}: {
  speaker?: string | undefined;
  channel?: number | undefined;
}): string | null {
  const place = channel === undefined ? '' : `Channel ${channel}`;
  const name = oneLine(`${place} ${speaker ?? ''}`);
  return name === '' ? null : cut(name, NAME_COLUMNS_MAX);
}

function cut(name: string, columns: number): string {
  if (columnsOf(name) <= columns) return name;
  let kept = '';
  for (const character of charactersOf(name)) {
    if (columnsOf(kept + character) >= columns) break;
    kept += character;
  }
  return `${kept.trimEnd()}…`;
}

/** The words of each voice, one after the other. */
function runsOf(segment: TranscriptSegment): { voice: string | null; tokens: Token[] }[] {
  const text = oneLine(segment.text);
  if (text === '') return [];
  const spans = spansOf(segment, text);
  const runs: { voice: string | null; tokens: Token[] }[] = [];
  let [at, span] = [0, 0];
  for (const { piece, columns, begins } of text.split(' ').flatMap(piecesOf)) {
    while (spans[span]!.to <= at) span += 1;
    const { voice } = spans[span]!;
    const start_seconds = timeAt(spans[span]!, at);
    at += piece.length;
    while (spans[span]!.to < at) span += 1;
    const token = { text: piece, columns, begins, start_seconds, end_seconds: timeAt(spans[span]!, at) };
    const run = runs.at(-1);
    if (run !== undefined && run.voice === voice) run.tokens.push(token);
    else runs.push({ voice, tokens: [token] });
  }
  runs[0]!.tokens[0]!.start_seconds = segment.start_seconds;
  runs.at(-1)!.tokens.at(-1)!.end_seconds = Math.max(segment.start_seconds, segment.end_seconds);
  return runs;
}

type Piece = { piece: string; columns: number; begins: boolean };

/** A word that is too long for a line, or a text without spaces, in pieces that are not. */
function piecesOf(word: string): Piece[] {
  if (NARROW.test(word) && word.length <= LINE_COLUMNS_MAX)
    return [{ piece: word, columns: word.length, begins: true }];
  const pieces: Piece[] = [{ piece: '', columns: 0, begins: true }];
  for (const character of charactersOf(word)) {
    const last = pieces.at(-1)!;
    const width = widthOf(character);
    if (last.columns + width > LINE_COLUMNS_MAX) pieces.push({ piece: character, columns: width, begins: false });
    else {
      last.piece += character;
      last.columns += width;
    }
  }
  return pieces;
}

/** When code units of the text without its spaces are spoken, from `from` to before `to`, and by whom. */
type Span = { from: number; to: number; start_seconds: number; end_seconds: number; voice: string | null };

/** Those of the words, if they are the words of the text. */
function spansOf(segment: TranscriptSegment, text: string): Span[] {
  const units = text.replaceAll(' ', '');
  const { start_seconds, end_seconds, words = [] } = segment;
  const spoken = words.map((word) => oneLine(word.text).replaceAll(' ', ''));
  if (spoken.join('') !== units)
    return [{ from: 0, to: units.length, start_seconds, end_seconds, voice: voiceOf(segment) }];
  let [at, before] = [0, start_seconds];
  return words.flatMap((word, index) => {
    const from = at;
    at += spoken[index]!.length;
    if (at === from) return [];
    const start = clamp(word.start_seconds, before, Math.max(before, end_seconds));
    const end = clamp(word.end_seconds, start, Math.max(start, end_seconds));
    before = end;
    const { speaker = segment.speaker, channel = segment.channel } = word;
    return [{ from, to: at, start_seconds: start, end_seconds: end, voice: voiceOf({ speaker, channel }) }];
  });
}

function timeAt({ from, to, start_seconds, end_seconds }: Span, unit: number): number {
  return start_seconds + (Math.max(0, end_seconds - start_seconds) * (unit - from)) / Math.max(1, to - from);
}

type Printed = Pick<Token, 'text' | 'columns'>;

/** In parts that fit into a cue. */
function split(tokens: readonly Token[], prefix: readonly Printed[]): (readonly Token[])[] {
  if (tokens.length < 2 || fits(tokens, prefix)) return [tokens];
  const total = tokens.reduce((sum, { columns }) => sum + columns + 1, 0);
  let [best, least, left] = [1, Number.POSITIVE_INFINITY, 0];
  for (let at = 1; at < tokens.length; at++) {
    left += tokens[at - 1]!.columns + 1;
    const distance = Math.abs(2 * left - total) / total;
    if (distance - PAUSE_MAX >= least) continue;
    const cost = distance - pauseAfter(tokens[at - 1]!.text);
    if (cost < least) [best, least] = [at, cost];
  }
  return [...split(tokens.slice(0, best), prefix), ...split(tokens.slice(best), prefix)];
}

/** Each takes a column at least: many do not have to be counted. */
const fits = (tokens: readonly Printed[], prefix: readonly Printed[]): boolean =>
  tokens.length <= LINE_COLUMNS_MAX && wrap([...prefix, ...tokens]) !== null;

const PAUSE_MAX = 0.6;

/** How much better it is to split there than in the middle of a clause. */
function pauseAfter(word: string): number {
  if (/[.?!…。？！]["'”’)\]]*$/u.test(word)) return PAUSE_MAX;
  return /[,;:–—、，；：]["'”’)\]]*$/u.test(word) ? 0.4 : 0;
}

/** In one line or two of about the same length; null if they need more. */
function wrap(words: readonly Printed[]): string[] | null {
  const total = words.reduce((sum, { columns }) => sum + columns, words.length - 1);
  const line = (from: number, to: number) =>
    words
      .slice(from, to)
      .map(({ text }) => text)
      .join(' ');
  if (total <= LINE_COLUMNS_MAX) return [line(0, words.length)];
  if (total > 2 * LINE_COLUMNS_MAX + 1) return null;
  let [best, least, left] = [0, LINE_COLUMNS_MAX + 1, -1];
  for (let at = 1; at < words.length; at++) {
    left += words[at - 1]!.columns + 1;
    const widest = Math.max(left, total - left - 1);
    if (widest < least) [best, least] = [at, widest];
  }
  return best === 0 ? null : [line(0, best), line(best, words.length)];
}

/** With the marks on them, and what is joined to them. */
const charactersOf = (text: string): string[] => text.match(/.[\p{M}\p{Emoji_Modifier}]*(?:\u200d.\p{M}*)*/gsu) ?? [];

const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60]/u;
const NARROW = /^[\x20-\x7e]*$/;

function columnsOf(text: string): number {
  if (NARROW.test(text)) return text.length;
  return charactersOf(text).reduce((sum, character) => sum + widthOf(character), 0);
}

const widthOf = (character: string): number => (WIDE.test(character) ? 2 : 1);

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
