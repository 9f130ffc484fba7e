/**
 * A loop: the same words again and again, in segments or within one. People repeat themselves too, so that short ones count
 * only after many repetitions.
 */
import type { QualityReason, Transcript } from '../../protocol/transcript.ts';
import { place, quoted, wordsOf } from './spoken.ts';

/** The longest phrase whose repetition is looked for. */
const PHRASE_WORDS_MAX = 40;
/** A phrase of n words is a loop after so many repetitions: “no no no no no” is not one. */
const repetitionsMin = (words: number): number => (words === 1 ? 12 : words <= 3 ? 8 : 5);

type Word = { word: string; start_seconds: number; end_seconds: number };

export function repetitions({ segments }: Transcript): QualityReason[] {
  const words: Word[] = segments.flatMap(({ text, start_seconds, end_seconds }) =>
    wordsOf(text).map((word) => ({ word, start_seconds, end_seconds })),
  );
  const reasons: QualityReason[] = [];
  for (let at = 0; at < words.length; ) {
    const loop = loopAt(words, at);
    if (loop === null) {
      at += 1;
      continue;
    }
    const { phrase, times } = loop;
    const first = words[at]!;
    const last = words[at + phrase * times - 1]!;
    const text = words.slice(at, at + phrase).map(({ word }) => word);
    const message = `${quoted(text.join(' '))} ${times} times in a row, from ${place(first.start_seconds)}`;
    const { start_seconds } = first;
    reasons.push({ code: 'repetition', message, start_seconds, end_seconds: last.end_seconds });
    at += phrase * times;
  }
  return reasons;
}

/** The shortest phrase at this word that repeats often enough. */
function loopAt(words: readonly Word[], at: number): { phrase: number; times: number } | null {
  for (let phrase = 1; phrase <= PHRASE_WORDS_MAX; phrase++) {
    const min = repetitionsMin(phrase);
    if (at + phrase * min > words.length) return null;
    // Most phrases differ in their first word: this makes it cheap.
    if (words[at]!.word !== words[at + phrase]!.word) continue;
    let same = 0;
    while (words[at + phrase + same]?.word === words[at + same]!.word) same += 1;
    const times = 1 + Math.floor(same / phrase);
    if (times >= min) return { phrase, times };
  }
  return null;
}
