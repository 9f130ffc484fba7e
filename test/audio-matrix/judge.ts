/** Compares what became of an input with what must become of it. */
import { CLEAN_SECONDS, type Expected } from './input.ts';
import type { Outcome, Sample } from './play.ts';

/** A cell of the table. */
export type Verdict = {
  state: string;
  code: string | null;
  warnings: string[];
  /** Of the transcript's duration against the true one. Null unless COMPLETED. */
  error_percent: number | null;
  /** Words of the clean recording's transcript that are found, and their number. */
  words: [found: number, of: number] | null;
  /** What is not as it must be. */
  wrong: string[];
};

const ERROR_PERCENT_MAX = 1;
/** The last word ends half a second before the clean recording does; Whisper's times are no better than that. */
const SILENT_END_SECONDS = 2;

/** `clean`: the clean recording's outcome in the same column. */
export function judge({ input, decoded_seconds }: Sample, outcome: Outcome, clean: Outcome): Verdict {
  const { expected } = input;
  const { state, code, warnings, transcript } = outcome;
  const seconds = trueSeconds(expected, decoded_seconds);
  const error_percent =
    transcript === null || seconds === null ? null : (100 * (transcript.duration_seconds - seconds)) / seconds;
  const reference = wordsOf(clean.transcript?.text ?? '');
  const words: Verdict['words'] =
    transcript === null ? null : [commonWords(reference, wordsOf(transcript.text)), reference.length];
  return { state, code, warnings, error_percent, words, wrong: [...differences()] };

  function* differences(): Iterable<string> {
    if (state !== expected.state) {
      yield `${state}${code === null ? '' : ` ${code}: ${outcome.message}`}`;
      return;
    }
    if (expected.state === 'FAILED') {
      if (!expected.codes.includes(code ?? '')) yield `${code}, not ${expected.codes.join(' or ')}: ${outcome.message}`;
      if (outcome.attempts !== 1) yield `${outcome.attempts} attempts`;
      return;
    }
    if (seconds === null) yield 'ffmpeg decodes nothing of it';
    if (error_percent !== null && Math.abs(error_percent) > ERROR_PERCENT_MAX)
      yield `${transcript?.duration_seconds} s instead of ${seconds}`;
    if (words !== null && words[0] < expected.words * words[1])
      yield `${words[0]} of ${words[1]} words: ${transcript?.text}`;
    for (const warning of expected.warnings ?? []) if (!warnings.includes(warning)) yield `no warning ${warning}`;
    const last = transcript?.segments.at(-1)?.end_seconds ?? 0;
    if (seconds !== null && last > seconds * (1 + ERROR_PERCENT_MAX / 100)) yield `its last segment ends at ${last} s`;
    if (seconds !== null && last < Math.min(seconds, CLEAN_SECONDS) - SILENT_END_SECONDS)
      yield `its last segment ends at ${last} of ${seconds} s`;
  }
}

function trueSeconds(expected: Expected, decoded_seconds: number | null): number | null {
  return expected.state === 'COMPLETED' ? (expected.seconds ?? decoded_seconds) : null;
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[a-z']+/g) ?? [];

/** The length of the longest common subsequence. */
function commonWords(reference: readonly string[], heard: readonly string[]): number {
  let row = new Array<number>(heard.length + 1).fill(0);
  for (const word of reference) {
    const next = [0];
    for (const [column, other] of heard.entries()) {
      next.push(word === other ? row[column]! + 1 : Math.max(row[column + 1]!, next[column]!));
    }
    row = next;
  }
  return row.at(-1)!;
}
