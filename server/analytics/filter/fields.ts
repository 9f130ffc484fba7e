/** Names in filters: columns and their aliases, keys of the metadata, and aggregates as prefixes of fields. */

import { nearestNames } from '../../nearest.ts';
import type { Column, ColumnType } from '../tables.ts';
import type { Checked } from './checked.ts';
import { alternatives, invalidFilter, quoted } from './errors.ts';
import { AGGREGATES, type ValueType } from './rules.ts';

const METADATA = 'metadata';

const VALUE_TYPES: Readonly<Record<ColumnType, ValueType>> = {
  text: 'text',
  texts: 'texts',
  integer: 'number',
  number: 'number',
  time: 'time',
};

export type Fields = ReadonlyMap<string, Column>;

export function fieldsOf(columns: readonly Column[]): Fields {
  return new Map(
    columns.flatMap((column) => [column.name, ...(column.aliases ?? [])].map((name) => [name, column] as const)),
  );
}

/** Undefined if it is neither a column nor a key of the metadata. */
export function fieldNamed(fields: Fields, path: readonly string[]): Checked | undefined {
  const column = fields.get(path.join('.'));
  if (column) return { kind: 'column', name: column.name, column_type: column.type, type: VALUE_TYPES[column.type] };
  if (path.length < 2 || path[0] !== METADATA || !fields.has(METADATA)) return undefined;
  return { kind: 'metadata', path: path.slice(1), type: 'text' };
}

/** `avg_processing_time` is the aggregate `avg` of the field `processing_time`. */
export function splitAggregate(name: string): { aggregate: string; field: string } | undefined {
  const [aggregate] = name.split('_', 1);
  if (!AGGREGATES.has(aggregate!) || aggregate!.length === name.length) return undefined;
  return { aggregate: aggregate!, field: name.slice(aggregate!.length + 1) };
}

export function unknownField(text: string, at: number, name: string, fields: Fields): Error {
  const nearest = nearestFields(name, fields);
  return invalidFilter(text, at, `no field is named ${quoted(name)}`, {
    expected: ['a field'],
    nearest,
    hint: nearest.length > 0 ? `Did you mean ${alternatives(nearest)}?` : quotesHint(name),
  });
}

function nearestFields(name: string, fields: Fields): string[] {
  const split = splitAggregate(name);
  const direct = nearestNames(name, fields.keys());
  if (!split) return direct;
  const prefixed = nearestNames(split.field, fields.keys()).map((field) => `${split.aggregate}_${field}`);
  return nearestNames(name, [...direct, ...prefixed]);
}

const quotesHint = (name: string): string | undefined =>
  name.length <= 40 ? `A text is written in quotes: '${name}'.` : undefined;
