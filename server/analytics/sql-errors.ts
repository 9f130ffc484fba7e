/** What DuckDB says of a query, as an error that a caller can act on. */
import { MonitorError } from '../../protocol/errors.ts';

/** "LINE 2: SELECT nam FROM t" and, in the next line, a caret below the place. */
const PLACE = /\n\s*LINE (\d+): (.*)\n(\s*)\^/;

const TABLES_ARE = 'The tables are job_states and job_attempts; SELECT * FROM job_states LIMIT 1 shows the columns.';

export function sqlError(error: Error, sql: string): MonitorError {
  const text = error.message;
  if (/^Out of Memory/.test(text)) {
    return new MonitorError('too_large', 'query_too_large', 'the query needs more memory than it may have', {
      hint: 'Narrow the range of time, or group by fewer columns.',
      cause: error,
    });
  }
  if (/^INTERNAL Error|has been invalidated/.test(text)) {
    return new MonitorError(
      'unavailable',
      'database_lost',
      'the query ended the analytic database; it is opened again',
      {
        hint: 'Write the query in another way.',
        cause: error,
      },
    );
  }
  // Its text may name folders of this machine.
  if (/^(Permission|IO) Error/.test(text)) {
    return new MonitorError('invalid', 'not_a_table', 'the query asks for something outside the analytic tables', {
      hint: TABLES_ARE,
    });
  }
  const place = placeOf(text, sql);
  const says = text.replace(/\n\s*LINE \d+:[\s\S]*$/, '').trim();
  const where = place ? ` (line ${place.line}, column ${place.column})` : '';
  return new MonitorError('invalid', 'invalid_sql', `${says}${where}`, {
    hint: TABLES_ARE,
    ...(place && { extra: place }),
    cause: error,
  });
}

/** DuckDB shows at most a part of a long line, with "..." before it. */
function placeOf(text: string, sql: string): { line: number; column: number } | null {
  const [, number, shown, space] = PLACE.exec(text) ?? [];
  if (number === undefined || shown === undefined || space === undefined) return null;
  const line = Number(number);
  const at = space.length - `LINE ${number}: `.length;
  const cut = shown.startsWith('...') ? '...'.length : 0;
  const whole = sql.split('\n')[line - 1] ?? '';
  const part = shown.slice(cut).replace(/\.\.\.$/, '');
  const begin = cut > 0 ? whole.indexOf(part) : 0;
  return { line, column: begin + indexAt(part, at - cut) + 1 };
}

const WIDE = /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u;

/** DuckDB's caret counts columns of a terminal, and a tab as none. */
function indexAt(text: string, columns: number): number {
  let seen = 0;
  let index = 0;
  for (const character of text) {
    const width = character === '\t' ? 0 : WIDE.test(character) ? 2 : 1;
    if (seen >= columns && width > 0) break;
    seen += width;
    index += character.length;
  }
  return index;
}
