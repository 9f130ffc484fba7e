/**
 * Any program as an engine: `exec:'command {input} {output}'`.
 *
 * The command is split into words like in a shell (quotes, backslashes), but run without one: no pipes, no variables,
 * and nothing in a file name is ever code. In each word, `{input}` is the path of the audio, `{output}` the file to
 * write, `{batch_size}` the number of chunks at once, `{format}` the preferred output format: `json`, `{try}` 1, or 2 if the
 * first transcript was suspect: a command with it is run again then, and may use other options. `{language}`, `{task}`, `{prompt}`,
 * `{hotwords}`, `{word_timestamps}`, `{vad}`, `{temperature}` and `{diarize}` are options of the job, empty if it has none; a job with
 * an option that the command does not contain fails.
 *
 * The program reports progress in lines on standard output (see progress-line.ts), exits with 0, and writes to
 * `{output}` a transcript in any of the forms of output/read-output.ts: JSON, SubRip, WebVTT, TSV, plain text.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { OptionName } from '../../protocol/option-names.ts';
import { diskFull } from '../disk-space.ts';
import { type Engine, EngineError } from './engine.ts';
import { isProgramPresent } from './find-program.ts';
import { readOutput } from './output/read-output.ts';
import { NotATranscript } from './output/written.ts';
import { readProgressLine } from './progress-line.ts';
import { chunksAt, isFull, outputFailure, runEngineProgram, steadyProgress } from './run-engine-program.ts';

export type ExecOptions = {
  /** The command as entered by the user. */
  command: string;
  /** The registered batch size, for `{batch_size}`. Default 1. */
  batch_size?: number;
};

const JOB_OPTIONS = [
  'language',
  'task',
  'prompt',
  'hotwords',
  'word_timestamps',
  'vad',
  'temperature',
  'diarize',
] as const satisfies readonly OptionName[];
const PLACEHOLDER = new RegExp(`\\{(input|output|format|batch_size|try|${JOB_OPTIONS.join('|')})\\}`, 'g');

/** A transcript of a day's speech is about 1 MB; a larger file is not a transcript. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Throws EngineError `engine_choice_invalid` if the command can't be split or lacks `{input}` or `{output}`. */
export function createExec(options: ExecOptions): Engine {
  const words = splitWords(options.command);
  const [program] = words;
  for (const placeholder of ['{input}', '{output}']) {
    if (words.slice(1).some((word) => word.includes(placeholder))) continue;
    throw new EngineError('engine_choice_invalid', `exec: the command has no ${placeholder}`, {
      hint: `for example --engine "exec:my-transcriber {input} --out {output}"`,
    });
  }
  if (program === undefined) throw new EngineError('engine_choice_invalid', 'exec: the command is empty');
  const install_hint = `install ${program}, or give its full path`;

  return {
    name: 'exec',
    options: JOB_OPTIONS.filter((name) => words.some((word) => word.includes(`{${name}}`))),
    ...(words.some((word) => word.includes('{try}')) ? { second_try: 'with {try} = 2' } : {}),

    async prepare() {
      if (!(await isProgramPresent(program))) {
        throw new EngineError('engine_missing', `exec: program ${program} not found`, { hint: install_hint });
      }
      return { model: basename(program), device: 'cpu', gpu_optimized: false, batch_size: options.batch_size ?? 1 };
    },

    async transcribe(task, { signal, onProgress, onLog }) {
      const output = join(task.work_directory, 'transcript.out');
      const values = {
        input: task.audio_path,
        output,
        format: 'json',
        batch_size: String(task.batch_size),
        try: task.second_try === true ? '2' : '1',
        ...Object.fromEntries(JOB_OPTIONS.map((name) => [name, String(task.options?.[name] ?? '')])),
      };
      const report = steadyProgress(onProgress);
      const request = {
        engine: 'exec',
        command: [program, ...words.slice(1).map((word) => fill(word, values))] as const,
        directory: task.work_directory,
        signal,
        batch_size: task.batch_size,
        install_hint,
        onLog,
        onLine: (line: string, stream: 'stdout' | 'stderr') => {
          const progress = stream === 'stdout' ? readProgressLine(line) : null;
          if (progress !== null) report({ ...chunksAt(progress.percentage, task), ...progress });
        },
      };
      const end = await runEngineProgram(request);
      const written = await bytesOf(output);
      if (isBlank(written)) throw await outputFailure(request, end, `exit code 0, but {output} is empty`);
      const facts = { engine: `exec ${basename(program)}`, duration_seconds: task.duration_seconds };
      try {
        const { transcript, ends } = readOutput(written, facts);
        // The end of a text that was cut is as good as any other.
        if (!ends && (await isFull(task.work_directory))) throw diskFull('exec: {output} may have been cut');
        return transcript;
      } catch (error) {
        if (!(error instanceof NotATranscript)) throw error;
        throw await outputFailure(request, end, `exit code 0, but {output} is not a transcript: ${error.message}`);
      }
    },
  };
}

/**
 * Splits like a POSIX shell: spaces separate words, '…' is literal, in "…" a backslash escapes `"` and `\`, elsewhere
 * it escapes anything. Nothing else is special: `$`, `|`, `*`, `;` are ordinary characters.
 */
export function splitWords(command: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < command.length; at++) {
    const char = command[at] as string;
    if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (char === "'" || char === '"') {
      word ??= '';
      const opened = at;
      for (at++; command[at] !== char; at++) {
        if (at >= command.length) throw unclosed(char, opened);
        const escaped = char === '"' && command[at] === '\\' && /["\\]/.test(command[at + 1] ?? '');
        if (escaped) at++;
        word += command[at];
      }
    } else {
      if (char === '\\' && at + 1 < command.length) at++;
      word = (word ?? '') + command[at];
    }
  }
  if (word !== null) words.push(word);
  return words;
}

function unclosed(quote: string, at: number): EngineError {
  return new EngineError('engine_choice_invalid', `exec: the ${quote} at character ${at + 1} is never closed`);
}

/** In one pass, so that placeholders inside a path are not replaced. */
function fill(word: string, values: Readonly<Record<string, string>>): string {
  return word.replace(PLACEHOLDER, (_, name: string) => values[name] ?? '');
}

async function bytesOf(path: string): Promise<Buffer> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > OUTPUT_BYTES_MAX)
    throw new EngineError('engine_crashed', `exec: {output} has ${size} bytes, too many for a transcript`);
  return size === 0 ? Buffer.alloc(0) : readFile(path);
}

const isBlank = (bytes: Buffer): boolean => bytes.every((byte) => byte <= 0x20);
