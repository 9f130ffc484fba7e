/**
 * The filter language of the analytics API: `processing_time > avg_processing_time * 2`. Its page is
 * docs/analytics-filter.md.
 *
 *     const filter = parseFilter(text);
 *     const { with: aggregates, where, parameters } = compileFilter(filter, { base: 'queried', now_ms });
 *     const sql = `WITH ${['queried AS (…)', ...aggregates].join(', ')} SELECT … FROM queried WHERE ${where}`;
 *     const { values, types } = bindings(parameters);
 *     await connection.runAndReadAll(sql, values, types);
 */
import { type Column, JOB_COLUMNS } from '../tables.ts';
import { checkFilter } from './check.ts';
import type { Checked } from './checked.ts';
import { type CompiledFilter, type CompileOptions, compileChecked } from './compile.ts';
import { fieldsOf } from './fields.ts';
import { parseSyntax } from './parse.ts';

export type { CompiledFilter, CompileOptions, SqlParameter } from './compile.ts';

export type Filter = { text: string; condition: Checked };

/** Throws MonitorError `invalid_filter` if the text is no filter of these columns. */
export function parseFilter(text: string, columns: readonly Column[] = JOB_COLUMNS): Filter {
  return { text, condition: checkFilter(text, parseSyntax(text), fieldsOf(columns)) };
}

export function compileFilter(filter: Filter, options: CompileOptions): CompiledFilter {
  return compileChecked(filter.condition, options);
}
