/** The one error of filters: says where in the text, what was expected there, and points at it. */
import { MonitorError } from '../../../protocol/errors.ts';

const POINTED_LINE_CHARACTERS = 100;

export type FilterErrorDetails = {
  expected?: readonly string[];
  hint?: string | undefined;
  nearest?: readonly string[];
};

/** `at` is the offset in the text at which it is wrong; columns count characters, both from 1. */
export function invalidFilter(
  text: string,
  at: number,
  message: string,
  details: FilterErrorDetails = {},
): MonitorError {
  const { line, column } = placeOf(text, at);
  const { expected = [], nearest } = details;
  return new MonitorError('invalid', 'invalid_filter', `Filter, line ${line}, column ${column}: ${message}.`, {
    hint: [details.hint, pointer(text, at)].filter((part) => part !== undefined).join('\n') || undefined,
    extra: { line, column, expected, ...(nearest && { nearest }) },
  });
}

/** `"a", "b" or "c"`. */
export function alternatives(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** A piece of the caller's text for a message, short enough to read. */
export function quoted(piece: string): string {
  const characters = [...piece];
  return JSON.stringify(characters.length > 40 ? `${characters.slice(0, 40).join('')}…` : piece);
}

function placeOf(text: string, at: number): { line: number; column: number } {
  const lines = text.slice(0, at).split('\n');
  return { line: lines.length, column: [...lines.at(-1)!].length + 1 };
}

/** The line and a caret below the place, if the line is short. */
function pointer(text: string, at: number): string | undefined {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const line = text.slice(start).split('\n', 1)[0]!;
  if (line === '' || line.length > POINTED_LINE_CHARACTERS) return undefined;
  return `${line}\n${' '.repeat([...text.slice(start, at)].length)}^`;
}
