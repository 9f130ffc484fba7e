/** A filter whose names and types are checked: it can only mean something. */
import type { ColumnType } from '../tables.ts';
import type { OperandType, Rule, ValueType } from './rules.ts';

export type Checked =
  | { kind: 'column'; name: string; column_type: ColumnType; type: ValueType }
  /** A value of the JSON object in the column `metadata`, as text. */
  | { kind: 'metadata'; path: readonly string[]; type: 'text' }
  /** A time is in microseconds since 1970, a pattern is a regular expression. */
  | { kind: 'value'; value: number | string | boolean; type: OperandType }
  | { kind: 'now'; type: 'time' }
  | { kind: 'operation'; rule: Rule; operands: readonly Checked[]; type: ValueType }
  | { kind: 'aggregate'; rule: Rule; operands: readonly Checked[]; type: ValueType };
