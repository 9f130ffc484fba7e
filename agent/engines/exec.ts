/**
 * Any program as an engine: `exec:'command {input} {output}'`.
 *
 * The command is split into words as a shell does (quotes, backslashes), and then run without one: no pipes, no variables, nothing in a
 * file's name is ever code. In each word `{input}` is the audio's path, `{output}` the file to write, `{batch_size}` the number of
 * pieces at once, `{format}` the form we like best in the output: `json`.
 *
 * The program says how far it is in lines on standard output (progress-line.ts knows which), ends with 0, and leaves in `{output}` a
 * transcript as JSON (read-transcript.ts knows which) or plain text.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Engine, EngineError } from './engine.ts';
import { isProgramPresent } from './find-program.ts';
import { readProgressLine } from './progress-line.ts';
import { readTranscriptJson, transcriptOfText } from './read-transcript.ts';
import { chunksAt, engineFailure, runEngineProgram, steadyProgress } from './run-engine-program.ts';

export type ExecOptions = {
  /** The command as the user wrote it. */
  command: string;
  /** What the worker registers for `{batch_size}`. Default 1. */
  batch_size?: number;
};

/** A transcript of a day's speech is about 1 MB; more than this is not one. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Throws EngineError `engine_choice_invalid` on a command that can't be split or doesn't name `{input}` and `{output}`. */
export function createExec(options: ExecOptions): Engine {
  const words = splitWords(options.command);
  const [program] = words;
  for (const placeholder of ['{input}', '{output}']) {
    if (words.slice(1).some((word) => word.includes(placeholder))) continue;
    throw new EngineError('engine_choice_invalid', `exec: the command does not say ${placeholder}`, {
      hint: `for example --engine "exec:my-transcriber {input} --out {output}"`,
    });
  }
  if (program === undefined) throw new EngineError('engine_choice_invalid', 'exec: the command is empty');
  const install_hint = `install ${program}, or give its full path`;

  return {
    name: 'exec',

    async prepare() {
      if (!(await isProgramPresent(program))) {
        throw new EngineError('engine_missing', `exec: there is no program ${program}`, { hint: install_hint });
      }
      return { model: basename(program), device: 'cpu', gpu_optimized: false, batch_size: options.batch_size ?? 1 };
    },

    async transcribe(task, { signal, onProgress }) {
      const output = join(task.work_directory, 'transcript.out');
      const values = { input: task.audio_path, output, format: 'json', batch_size: String(task.batch_size) };
      const report = steadyProgress(onProgress);
      const request = {
        engine: 'exec',
        command: [program, ...words.slice(1).map((word) => fill(word, values))] as const,
        directory: task.work_directory,
        signal,
        batch_size: task.batch_size,
        install_hint,
        onLine: (line: string, stream: 'stdout' | 'stderr') => {
          const progress = stream === 'stdout' ? readProgressLine(line) : null;
          if (progress !== null) report({ ...chunksAt(progress.percentage, task), ...progress });
        },
      };
      const end = await runEngineProgram(request);
      const written = await readOutput(output);
      if (written.trim() === '') throw engineFailure(request, end, `exit code 0, but it wrote nothing to {output}`);
      const facts = { engine: `exec ${basename(program)}`, duration_seconds: task.duration_seconds };
      return readTranscriptJson(written, facts) ?? transcriptOfText(written, facts);
    },
  };
}

/**
 * Splits as a POSIX shell does: blanks part words, '…' is literal, in "…" a backslash escapes `"` and `\`, outside it escapes
 * anything. Nothing else has a meaning: `$`, `|`, `*`, `;` are themselves.
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

/** One pass, so that what a path contains is not filled again. */
function fill(word: string, values: Readonly<Record<string, string>>): string {
  return word.replace(/\{(input|output|format|batch_size)\}/g, (_, name: string) => values[name] ?? '');
}

async function readOutput(path: string): Promise<string> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > OUTPUT_BYTES_MAX) throw new EngineError('engine_crashed', `exec: it wrote ${size} bytes: no transcript`);
  return size === 0 ? '' : readFile(path, 'utf8');
}
