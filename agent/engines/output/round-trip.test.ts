/** Any transcript, written in each of the forms that programs write, is read as what it was. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderTranscript, type Transcript } from '../../../protocol/transcript.ts';
import { randomOf } from '../../../test/random.ts';
import { assembleTranscript } from '../read-transcript.ts';
import { readOutput } from './read-output.ts';

type Segment = Transcript['segments'][number];
type Random = () => number;

const clock = (seconds: number, separator: string) => {
  const ms = Math.round(seconds * 1000);
  const part = (value: number, digits = 2) => String(value).padStart(digits, '0');
  return `${part(Math.floor(ms / 3_600_000))}:${part(Math.floor(ms / 60_000) % 60)}:${part(Math.floor(ms / 1000) % 60)}${separator}${part(ms % 1000, 3)}`;
};
const whisper = ({ start_seconds, end_seconds, text }: Segment) => ({
  start: start_seconds,
  end: end_seconds,
  text: ` ${text}`,
});

/** How programs write it. */
const FORMS: Record<string, (transcript: Transcript) => string> = {
  ours: (transcript) => renderTranscript(transcript, 'json'),
  srt: (transcript) => renderTranscript(transcript, 'srt'),
  vtt: (transcript) => renderTranscript(transcript, 'vtt'),
  'the Whisper family': ({ text, language, segments }) =>
    JSON.stringify({ text, language, segments: segments.map(whisper) }),
  'whisper.cpp': ({ segments }) =>
    JSON.stringify({
      transcription: segments.map(({ start_seconds, end_seconds, text }) => ({
        offsets: { from: Math.round(start_seconds * 1000), to: Math.round(end_seconds * 1000) },
        text,
      })),
    }),
  'a list': ({ segments }) => JSON.stringify(segments.map(whisper), null, 2),
  'lines of JSON': ({ segments }) => segments.map((segment) => `${JSON.stringify(whisper(segment))}\n`).join(''),
  'times as text': ({ segments }) =>
    JSON.stringify({
      segments: segments.map((segment) => ({
        start: clock(segment.start_seconds, '.'),
        end: `${segment.end_seconds}s`,
        text: segment.text,
      })),
    }),
  chunks: ({ segments }) =>
    JSON.stringify({
      chunks: segments.map(({ start_seconds, end_seconds, text }) => ({
        timestamp: [start_seconds, end_seconds],
        text,
      })),
    }),
  tsv: ({ segments }) =>
    `start\tend\ttext\n${segments
      .map(
        ({ start_seconds, end_seconds, text }) =>
          `${Math.round(start_seconds * 1000)}\t${Math.round(end_seconds * 1000)}\t${text}\n`,
      )
      .join('')}`,
  'printed lines': ({ segments }) =>
    segments
      .map(
        ({ start_seconds, end_seconds, text }) =>
          `[${clock(start_seconds, '.')} --> ${clock(end_seconds, '.')}]   ${text}\n`,
      )
      .join(''),
};

/** How their bytes reach the file. */
const BYTES: Record<string, (text: string) => Buffer> = {
  'UTF-8': (text) => Buffer.from(text),
  'UTF-8 with a mark': (text) => Buffer.from(`\ufeff${text}`),
  'UTF-16': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'UTF-16, big end first': (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
  'lines of Windows': (text) => Buffer.from(text.replaceAll('\n', '\r\n')),
};

const PIECES = [
  ...[
    'Hello',
    'there',
    'naïve',
    'Grüße',
    '你好',
    'מה',
    '🎧',
    '42',
    '3.5%',
    'a<b',
    'salt & pepper',
    "don't",
    '"so"',
    '\\',
    '{x}',
  ],
  ...['[noise]', 'NaN', 'Infinity', 'e = mc²', 'http://a/b?c=d', '—', 'O’Neill', 'start', '00:01', ';', '\u200b.'],
];

function transcriptOf(random: Random): Transcript {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  let at = 0;
  const segments = Array.from({ length: 1 + Math.floor(random() * 12) }, () => {
    const start_seconds = at + Math.floor(random() * 5000) / 1000;
    const end_seconds = start_seconds + 0.001 + Math.floor(random() * (random() < 0.1 ? 4e6 : 9000)) / 1000;
    at = end_seconds;
    const text = Array.from({ length: 1 + Math.floor(random() * 8) }, () => pick(PIECES)).join(' ');
    return { start_seconds, end_seconds, text, confidence: null };
  });
  return assembleTranscript(segments, { engine: 'test', duration_seconds: at + 1, language: pick(['en', 'de', null]) });
}

for (const [form, write] of Object.entries(FORMS)) {
  test(`${form}: what is written is read, in every encoding`, () => {
    for (let seed = 1; seed <= 150; seed++) {
      const transcript = transcriptOf(randomOf(seed));
      for (const [encoding, bytesOf] of Object.entries(BYTES)) {
        const facts = { engine: 'test', duration_seconds: transcript.duration_seconds };
        const read = readOutput(bytesOf(write(transcript)), facts).transcript;
        assert.deepEqual(read.segments, transcript.segments, `seed ${seed}, ${encoding}`);
      }
    }
  });
}

test('JSON that is cut anywhere is refused, or says all that is before the cut', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const transcript = transcriptOf(randomOf(seed));
    for (const form of ['ours', 'the Whisper family', 'whisper.cpp', 'a list', 'chunks'] as const) {
      const whole = FORMS[form]!(transcript).trimEnd();
      for (let length = 2; length < whole.length; length += 7) {
        assert.throws(() => readOutput(Buffer.from(whole.slice(0, length)), { engine: 'test', duration_seconds: 9 }));
      }
    }
  }
});
