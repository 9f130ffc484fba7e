/**
 * What operators and functions take and return, and their SQL: the only place that writes SQL of expressions. In SQL a
 * number is a DOUBLE and a time is a DOUBLE of microseconds: no cast fails, and what is too large is infinite, as long as
 * DuckDB's setting ieee_floating_point_ops is true, its default.
 */
import type { Operator } from './syntax.ts';

export type ValueType = 'number' | 'text' | 'texts' | 'time' | 'condition';
/** A pattern is a text in quotes. */
export type OperandType = ValueType | 'pattern';

export type Rule = {
  takes: readonly OperandType[];
  /** Any number of further operands of this type. */
  more?: OperandType;
  returns: ValueType;
  sql: (...operands: string[]) => string;
};

const MANY = (type: OperandType, returns: ValueType, sql: Rule['sql']): Rule => ({
  takes: [type],
  more: type,
  returns,
  sql,
});

const infix = (operator: string): Rule['sql'] => {
  return (...operands) => `(${operands.join(` ${operator} `)})`;
};

const ordered = (operator: string): Rule[] =>
  (['number', 'text', 'time'] as const).map((type) => ({
    takes: [type, type],
    returns: 'condition',
    sql: infix(operator),
  }));

const has: Rule['sql'] = (list, item) => `list_contains(${list}, ${item})`;
const not = (sql: Rule['sql']): Rule['sql'] => {
  return (...operands) => `(NOT ${sql(...operands)})`;
};

const equal = (operator: string, list: Rule['sql']): Rule[] => [
  ...ordered(operator),
  { takes: ['condition', 'condition'], returns: 'condition', sql: infix(operator) },
  { takes: ['texts', 'text'], returns: 'condition', sql: list },
];

const arithmetic = (sql: Rule['sql']): Rule => ({ takes: ['number', 'number'], returns: 'number', sql });

/** DuckDB returns infinity for x / 0; here it is null. */
const divided = (operator: string): Rule[] => [arithmetic((a, b) => `(${a} ${operator} nullif(${b}, 0::DOUBLE))`)];

const inList = (type: 'number' | 'text' | 'time'): Rule => ({
  takes: [type],
  more: type,
  returns: 'condition',
  sql: (value, ...items) => `(${value} IN (${items.join(', ')}))`,
});

const matching = (flags: 's' | 'si'): Rule[] => {
  const matches = (value: string, pattern: string): string => `regexp_full_match(${value}, ${pattern}, '${flags}')`;
  return [
    { takes: ['text', 'pattern'], returns: 'condition', sql: matches },
    {
      takes: ['texts', 'pattern'],
      returns: 'condition',
      sql: (list, pattern) => `(len(list_filter(${list}, lambda item: ${matches('item', pattern)})) > 0)`,
    },
  ];
};

const VALUE_TYPES: readonly ValueType[] = ['number', 'text', 'texts', 'time', 'condition'];

export const OPERATORS: Readonly<Record<Operator, readonly Rule[]>> = {
  '=': equal('=', has),
  '!=': equal('<>', not(has)),
  '<': ordered('<'),
  '<=': ordered('<='),
  '>': ordered('>'),
  '>=': ordered('>='),
  '+': [
    arithmetic(infix('+')),
    { takes: ['time', 'number'], returns: 'time', sql: (time, seconds) => `(${time} + ${seconds} * 1e6)` },
    { takes: ['number', 'time'], returns: 'time', sql: (seconds, time) => `(${time} + ${seconds} * 1e6)` },
  ],
  '-': [
    arithmetic(infix('-')),
    { takes: ['time', 'number'], returns: 'time', sql: (time, seconds) => `(${time} - ${seconds} * 1e6)` },
    { takes: ['time', 'time'], returns: 'number', sql: (a, b) => `((${a} - ${b}) / 1e6)` },
  ],
  '*': [arithmetic(infix('*'))],
  '/': divided('/'),
  '%': divided('%'),
  negate: [{ takes: ['number'], returns: 'number', sql: (a) => `(-${a})` }],
  and: [MANY('condition', 'condition', infix('AND'))],
  or: [MANY('condition', 'condition', infix('OR'))],
  not: [{ takes: ['condition'], returns: 'condition', sql: (a) => `(NOT ${a})` }],
  in: [
    ...(['number', 'text', 'time'] as const).map(inList),
    {
      takes: ['texts'],
      more: 'text',
      returns: 'condition',
      sql: (list, ...items) => `(${items.map((item) => has(list, item)).join(' OR ')})`,
    },
  ],
  between: (['number', 'text', 'time'] as const).map((type) => ({
    takes: [type, type, type],
    returns: 'condition',
    sql: (value, low, high) => `(${value} BETWEEN ${low} AND ${high})`,
  })),
  like: matching('s'),
  ilike: matching('si'),
  contains: [
    { takes: ['texts', 'text'], returns: 'condition', sql: has },
    { takes: ['text', 'text'], returns: 'condition', sql: (value, part) => `contains(${value}, ${part})` },
  ],
  'is null': VALUE_TYPES.map((type) => ({ takes: [type], returns: 'condition', sql: (a) => `(${a} IS NULL)` })),
};

export const FUNCTIONS: ReadonlyMap<string, readonly Rule[]> = new Map<string, Rule[]>([
  ['lower', [{ takes: ['text'], returns: 'text', sql: (text) => `lower(${text})` }]],
  ['abs', [{ takes: ['number'], returns: 'number', sql: (number) => `abs(${number})` }]],
  ['number', [{ takes: ['text'], returns: 'number', sql: (text) => `TRY_CAST(${text} AS DOUBLE)` }]],
  [
    'length',
    (['text', 'texts'] as const).map((type) => ({
      takes: [type],
      returns: 'number',
      sql: (value) => `length(${value})::DOUBLE`,
    })),
  ],
  [
    'coalesce',
    (['number', 'text', 'time'] as const).map((type) =>
      MANY(type, type, (...values) => `coalesce(${values.join(', ')})`),
    ),
  ],
]);

const ofNumbers = (sql: Rule['sql']): Rule[] => [{ takes: ['number'], returns: 'number', sql }];
const percentile = (fraction: number): Rule[] => ofNumbers((number) => `quantile_cont(${number}, ${fraction})`);
const extreme = (name: 'min' | 'max'): Rule[] =>
  (['number', 'time'] as const).map((type) => ({ takes: [type], returns: type, sql: (value) => `${name}(${value})` }));

/** Over all rows that are queried, before the filter. Also as prefixes of fields: `avg_processing_time`. */
export const AGGREGATES: ReadonlyMap<string, readonly Rule[]> = new Map<string, Rule[]>([
  ['avg', ofNumbers((number) => `avg(${number})`)],
  ['sum', ofNumbers((number) => `sum(${number})`)],
  ['min', extreme('min')],
  ['max', extreme('max')],
  ['median', percentile(0.5)],
  ['p50', percentile(0.5)],
  ['p90', percentile(0.9)],
  ['p95', percentile(0.95)],
  ['p99', percentile(0.99)],
  [
    'count',
    [
      { takes: [], returns: 'number', sql: () => 'count(*)::DOUBLE' },
      ...VALUE_TYPES.map(
        (type): Rule => ({ takes: [type], returns: 'number', sql: (value) => `count(${value})::DOUBLE` }),
      ),
    ],
  ],
]);
