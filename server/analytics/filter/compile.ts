/**
 * Checked tree → SQL. The text of the SQL comes from the rules and the table of columns alone: every value of the
 * caller is a parameter.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import type { Checked } from './checked.ts';

export const AGGREGATES_LIMIT = 32;

const AGGREGATES_TABLE = 'filter_aggregates';

export type SqlParameter = { type: 'DOUBLE'; value: number } | { type: 'VARCHAR'; value: string };

export type CompileOptions = {
  /** The relation that is filtered: a table, a view or a common table expression of the statement. Not the caller's. */
  base: string;
  /** What `now()` is. */
  now_ms: number;
  /** The statement has so many parameters before those of the filter. Default: 0. */
  parameters_before?: number;
};

export type CompiledFilter = {
  /** Common table expressions to add to the statement's WITH, after that of the base. */
  with: string[];
  /** A condition in parentheses. */
  where: string;
  parameters: SqlParameter[];
};

type Output = CompileOptions & { parameters: SqlParameter[]; aggregates: string[] };

export function compileChecked(condition: Checked, options: CompileOptions): CompiledFilter {
  const output: Output = { ...options, parameters: [], aggregates: [] };
  const where = `(${sqlOf(condition, output)})`;
  return { with: aggregatesTable(output), where, parameters: output.parameters };
}

/** Computed once each, over the rows before the filter. */
function aggregatesTable({ base, aggregates }: Output): string[] {
  if (aggregates.length === 0) return [];
  const columns = aggregates.map((sql, index) => `${sql} AS ${aggregateName(index)}`);
  return [`${AGGREGATES_TABLE} AS MATERIALIZED (SELECT ${columns.join(', ')} FROM ${base})`];
}

const aggregateName = (index: number): string => `aggregate_${index + 1}`;

function sqlOf(node: Checked, output: Output): string {
  switch (node.kind) {
    case 'column':
      return columnSql(node);
    case 'metadata':
      return metadataSql(node.path, output);
    case 'value':
      return valueSql(node.value, output);
    case 'now':
      return parameterSql({ type: 'DOUBLE', value: output.now_ms * 1000 }, output);
    case 'operation':
      return node.rule.sql(...node.operands.map((operand) => sqlOf(operand, output)));
    case 'aggregate':
      return aggregateSql(node.rule.sql(...node.operands.map((operand) => sqlOf(operand, output))), output);
  }
}

function columnSql({ name, column_type }: Checked & { kind: 'column' }): string {
  if (column_type === 'time') return `epoch_us("${name}")::DOUBLE`;
  return column_type === 'integer' || column_type === 'number' ? `"${name}"::DOUBLE` : `"${name}"`;
}

/** Null if the metadata is not JSON: one damaged row must not fail the query. */
function metadataSql(path: readonly string[], output: Output): string {
  const pointer = path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const value = parameterSql({ type: 'VARCHAR', value: pointer }, output);
  return `(CASE WHEN json_valid("metadata") THEN json_extract_string("metadata", ${value}) END)`;
}

function valueSql(value: number | string | boolean, output: Output): string {
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  return parameterSql(typeof value === 'number' ? { type: 'DOUBLE', value } : { type: 'VARCHAR', value }, output);
}

/** The same value is the same parameter. */
function parameterSql(parameter: SqlParameter, { parameters, parameters_before = 0 }: Output): string {
  let index = parameters.findIndex((known) => Object.is(known.value, parameter.value));
  if (index < 0) index = parameters.push(parameter) - 1;
  return `$${parameters_before + index + 1}::${parameter.type}`;
}

function aggregateSql(sql: string, { aggregates }: Output): string {
  if (!aggregates.includes(sql)) aggregates.push(sql);
  if (aggregates.length > AGGREGATES_LIMIT) {
    throw new MonitorError(
      'invalid',
      'invalid_filter',
      `The filter has more than ${AGGREGATES_LIMIT} different aggregates.`,
      { hint: 'Compare with fewer aggregates, or filter in several queries.' },
    );
  }
  return `(SELECT ${aggregateName(aggregates.indexOf(sql))} FROM ${AGGREGATES_TABLE})`;
}
