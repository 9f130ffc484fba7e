/** The place of an error in a query: its line, and a caret below the column. */
import { oneLine } from './output.ts';

/** The same error, with the excerpt that `reportError` shows. */
export function withExcerpt(error: unknown, sql: string): unknown {
  if (!(error instanceof Error)) return error;
  // An error of ours, or the problem that a monitor answered.
  const { extra, problem } = error as { extra?: unknown; problem?: unknown };
  const { line, column } = (extra ?? problem ?? {}) as { line?: unknown; column?: unknown };
  if (typeof line !== 'number' || typeof column !== 'number') return error;
  return Object.assign(error, { excerpt: excerptOf(sql, line, column) });
}

const WIDTH = 100;

/** Of a long line the part around the place. */
export function excerptOf(sql: string, line: number, column: number): string {
  const whole = (sql.split('\n')[line - 1] ?? '').replaceAll(/\p{Cc}/gu, ' ');
  const begin = Math.max(0, Math.min(column - WIDTH / 2, whole.length - WIDTH));
  const shown = oneLine(whole.slice(begin, begin + WIDTH));
  return `  ${shown}\n  ${' '.repeat(column - 1 - begin)}^`;
}
