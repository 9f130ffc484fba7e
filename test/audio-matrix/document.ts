/** Writes docs/audio.md. */
import type { Column } from './columns.ts';
import type { Verdict } from './judge.ts';
import type { Sample } from './play.ts';

export type Row = { sample: Sample; verdicts: readonly Verdict[] };
export type Table = { title: string; rows: readonly Row[] };

export type Document = { columns: readonly Column[]; tables: readonly Table[] };

const NAME_CHARACTERS_MAX = 40;

export function writeDocument({ columns, tables }: Document): string {
  const rows = tables.flatMap((table) => table.rows);
  const summary = columns.map(({ title }, index) => {
    const verdicts = rows.map((row) => row.verdicts[index]!);
    const count = (state: string) => verdicts.filter((verdict) => verdict.state === state).length;
    const errors = verdicts.flatMap(({ error_percent }) => (error_percent === null ? [] : [Math.abs(error_percent)]));
    const wrong = verdicts.filter((verdict) => verdict.wrong.length > 0).length;
    return `| ${title} | ${count('COMPLETED')} | ${count('FAILED')} | ${Math.max(0, ...errors).toFixed(2)} % | ${wrong} |`;
  });
  const parts = [
    INTRODUCTION,
    `## The matrix\n\n${rows.length} inputs, made from one clean recording of 7.6 s. \`npm run audio-matrix\` makes them, transcribes each with Whisper's`,
    `tiny.en, compares the outcome with what it must be, and writes this page. A cell has the error of the transcript's duration against what ffmpeg decodes`,
    `(or against the true length, where the file's header is wrong), the words of the clean recording's transcript that are found, and warnings; or the code of`,
    `the error, after one attempt. **Bold** is not as it must be.\n`,
    'whisper.cpp has no column: no package registry has its program. Its tests run a stand-in that behaves as the program did when it was built from source.\n',
    '| | COMPLETED | FAILED | largest error of a duration | not as it must be |',
    '|---|---|---|---|---|',
    ...summary,
    '',
    ...tables.flatMap((table) => tableOf(table, columns)),
  ];
  return `${parts.join('\n')}`;
}

function tableOf({ title, rows }: Table, columns: readonly Column[]): string[] {
  return [
    `### ${title}`,
    '',
    `| recording | made by | ${columns.map((column) => column.title).join(' | ')} |`,
    `|---|---|${columns.map(() => '---|').join('')}`,
    ...rows.map(({ sample, verdicts }) => {
      const { name, made } = sample.input;
      const shown =
        name.length > NAME_CHARACTERS_MAX ? `${name.slice(0, NAME_CHARACTERS_MAX)}… (${name.length})` : name;
      const cells = [code(shown), made.startsWith('ffmpeg') ? code(made) : escaped(made), ...verdicts.map(cellOf)];
      return `| ${cells.join(' | ')} |`;
    }),
    '',
  ];
}

function cellOf({ state, code: failure, warnings, error_percent, words, wrong }: Verdict): string {
  const facts =
    state === 'COMPLETED'
      ? [
          error_percent === null ? '?' : `${error_percent.toFixed(1).replace('-0.0', '0.0')} %`,
          words === null ? '?' : `${words[0]} of ${words[1]}`,
          ...warnings.map(code),
        ].join(', ')
      : code(failure ?? state);
  return wrong.length === 0 ? facts : `**${facts}**`;
}

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;

const INTRODUCTION = `# Recordings

A recording is what it is by its bytes: its name, its extension and its Content-Type decide nothing. What ffmpeg decodes is transcribed, with the times of the
decoded sound, whatever the header says of its length.

| | |
|---|---|
| cut short | transcribed as far as it goes, COMPLETED with the warning \`audio_truncated\`; FAILED with that code if the job says \`require_complete: true\` |
| a WAV whose header has wrong sizes (recorders that died, streams, more than 4 GB) | repaired in the worker's own copy |
| a video | its first audio track |
| no audio track; not audio; nothing in it | FAILED at once: \`no_audio_track\`, \`not_audio\`, \`audio_empty\` |

Which formats are read depends on the engine: faster-whisper and openai-whisper read everything that ffmpeg reads. whisper.cpp reads WAV, MP3 and FLAC, and with
ffmpeg on the worker's machine everything else; pocketsphinx reads 16 kHz mono WAV, and with ffmpeg everything else.
`;
