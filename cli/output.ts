/**
 * Output of commands: for people on a terminal, for programs in a pipe, as JSON on request.
 *
 * Results go to stdout, everything else to stderr. Tables have aligned columns on a terminal and tabs in a pipe.
 * Colours only on a terminal, never with NO_COLOR. A closed pipe (`| head`) ends the program silently.
 */
import { stripVTControlCharacters, styleText } from 'node:util';

type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

export const isTerminal = (): boolean => process.stdout.isTTY === true;

/** Call once, before any output. */
export function endQuietlyWhenNobodyReads(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
}

export function colour(name: Colour, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(name, text, { stream });
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One JSON document per line. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A message beside the results. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function printTable(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  if (!isTerminal()) {
    for (const row of rows) printLine(row.map(oneLine).join('\t'));
    return;
  }
  const [head = '', ...lines] = tableLines(heads, rows);
  printLine(colour('dim', head));
  for (const line of lines) printLine(line);
}

/** With aligned columns; the first line has their names. */
export function tableLines(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const shown = rows.map((row) => row.map(oneLine));
  const widths = heads.map((head, column) =>
    shown.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), head.length),
  );
  const shape = (row: readonly string[]) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!))).join('  ');
  return [heads, ...shown].map(shape);
}

export function printError(shown: {
  message: string;
  hint: string | undefined;
  code: string | undefined;
  fields: readonly string[];
  /** A line of what was asked, with a caret below the place of the error. */
  excerpt: string | undefined;
  exitCode: number;
  json: boolean;
}): void {
  const { message, hint, code, fields, excerpt, exitCode, json } = shown;
  if (json) {
    const error = { code, message, hint, errors: fields.length > 0 ? fields : undefined, exit_code: exitCode };
    note(JSON.stringify({ error }));
    return;
  }
  // Most messages already contain the fields.
  const missing = fields.filter((field) => !message.includes(field.replace(': ', ' ')));
  const details = missing.length > 0 ? ` (${missing.join('; ')})` : '';
  note(`${colour('red', 'tmon:', process.stderr)} ${oneLine(message)}${oneLine(details)}`);
  if (excerpt !== undefined) note(excerpt);
  if (hint !== undefined) note(`${colour('dim', 'hint:', process.stderr)} ${oneLine(hint)}`);
}

/** Replaces control characters, so that names and messages can't control the terminal or break lines. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trimEnd();
}

/** Truncates to a visible width: colour codes take no space, and are closed. */
export function cut(line: string, columns: number): string {
  if (stripVTControlCharacters(line).length <= columns) return line;
  const [plain = '', ...coloured] = line.split(ESCAPE);
  let kept = plain.slice(0, columns);
  let room = columns - kept.length;
  for (const part of coloured) {
    const end = part.indexOf('m') + 1;
    const text = part.slice(end, end + room);
    kept += ESCAPE + part.slice(0, end) + text;
    room -= text.length;
  }
  return kept;
}

const ESCAPE = '\u001b';

export function stateColour(state: string): string {
  const name = STATE_COLOURS[state];
  return name === undefined ? state : colour(name, state);
}

const STATE_COLOURS: Record<string, Colour> = {
  COMPLETED: 'green',
  FAILED: 'red',
  CANCELLED: 'yellow',
  CANCELLING: 'yellow',
  PROCESSING: 'cyan',
};

/** `1:02:03`, `4:05`, `12 s`; `–` if unknown. */
export function duration(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  const part = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${part(minutes)}:${part(whole % 60)}` : `${minutes}:${part(whole % 60)}`;
}

/** The end of a URL or path, which distinguishes recordings. */
export function fileName(path: string): string {
  return decodeQuietly(path.split('/').filter(Boolean).at(-1) ?? path);
}

function decodeQuietly(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
