/** What a filter means, written a second time and without SQL: the tests compare it with DuckDB's results. */
import type { Syntax } from './syntax.ts';
import { type JobRow, NOW_MS } from './testing-jobs.ts';

type Time = { us: number };
type Value = number | string | boolean | string[] | Time | null;
type Scope = { row: JobRow; rows: readonly JobRow[] };

const FIELDS: Readonly<Record<string, string>> = {
  processing_time: 'processing_time_seconds',
  cost: 'cost_usd',
  attempts: 'attempt',
  file_size: 'file_size_bytes',
  'worker.gpu_usage': 'gpu_usage',
  duration: 'duration_seconds',
  worker: 'worker_id',
  'worker.worker_id': 'worker_id',
  error: 'error_message',
  'input.s3_path': 'audio_url',
  tag: 'tags',
};

export function matches(tree: Syntax, row: JobRow, rows: readonly JobRow[]): boolean {
  return evaluate(tree, { row, rows }) === true;
}

function evaluate(node: Syntax, scope: Scope): Value {
  switch (node.kind) {
    case 'number':
    case 'text':
    case 'boolean':
      return node.value;
    case 'null':
      return null;
    case 'field':
      return fieldValue(node.path, scope);
    case 'call':
      return callValue(node.name, node.operands, scope);
    case 'operation':
      return operationValue(node, scope);
  }
}

function fieldValue(path: readonly string[], scope: Scope): Value {
  const name = path.join('.');
  if (path[0] === 'metadata') return metadataValue(path.slice(1), scope.row.metadata as string | null);
  if (name === 'count') return scope.rows.length;
  const aggregate = /^(avg|sum|min|max|median|p\d\d|count)_(.+)$/.exec(name);
  if (aggregate) return aggregateValue(aggregate[1]!, { kind: 'field', path: [aggregate[2]!], at: 0 }, scope);
  const value = scope.row[FIELDS[name] ?? name] ?? null;
  return name.endsWith('_at') && value !== null ? { us: value as number } : value;
}

function metadataValue(path: readonly string[], metadata: string | null): Value {
  if (metadata === null || !metadata.endsWith('}')) return null;
  const value = path.reduce((object, key) => object?.[key], JSON.parse(metadata));
  return value === undefined || value === null ? null : String(value);
}

function callValue(name: string, operands: readonly Syntax[], scope: Scope): Value {
  if (name === 'now') return { us: NOW_MS * 1000 };
  if (name === 'count' && operands.length === 0) return scope.rows.length;
  if (/^(avg|sum|min|max|median|p\d\d|count)$/.test(name)) return aggregateValue(name, operands[0]!, scope);
  const values = operands.map((operand) => evaluate(operand, scope));
  if (name === 'coalesce') return values.find((value) => value !== null) ?? null;
  const value = values[0] ?? null;
  if (value === null) return null;
  if (name === 'lower') return (value as string).toLowerCase();
  if (name === 'abs') return Math.abs(value as number);
  if (name === 'length') return [...(value as string | string[])].length;
  if (name === 'number') return /^-?\d+(\.\d+)?$/.test(value as string) ? Number(value) : null;
  throw new Error(`no function ${name}`);
}

function aggregateValue(name: string, operand: Syntax, { rows }: Scope): Value {
  const values = rows.map((row) => evaluate(operand, { row, rows })).filter((value) => value !== null);
  if (name === 'count') return values.length;
  if (values.length === 0) return null;
  if (name === 'min' || name === 'max') return extreme(name, values);
  const numbers = values as number[];
  const sum = numbers.reduce((total, value) => total + value, 0);
  if (name === 'sum') return sum;
  return name === 'avg' ? sum / numbers.length : percentile(numbers, name === 'median' ? 50 : Number(name.slice(1)));
}

function extreme(name: string, values: readonly Value[]): Value {
  return values.reduce((best, value) => (compare(value, best)! < 0 === (name === 'min') ? value : best));
}

function percentile(numbers: number[], percent: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * (percent / 100);
  const low = sorted[Math.floor(position)]!;
  return low + (sorted[Math.ceil(position)]! - low) * (position - Math.floor(position));
}

function operationValue({ operator, operands }: Syntax & { kind: 'operation' }, scope: Scope): Value {
  const [a = null, b = null, c = null] = operands.slice(0, 3).map((operand) => evaluate(operand, scope));
  switch (operator) {
    case 'and':
      return all(operands.map((operand) => evaluate(operand, scope) as boolean | null));
    case 'or':
      return any(operands.map((operand) => evaluate(operand, scope) as boolean | null));
    case 'not':
      return not(a as boolean | null);
    case 'is null':
      return a === null;
    case 'in':
      return any(operands.slice(1).map((item) => equals(a, evaluate(item, scope))));
    case 'between':
      return all([ordered(a, b, (order) => order >= 0), ordered(a, c, (order) => order <= 0)]);
    case '=':
    case '!=':
      return operator === '=' ? equals(a, b) : not(equals(a, b));
    case 'negate':
      return a === null ? null : -(a as number);
  }
  if (a === null || b === null) return null;
  switch (operator) {
    case '<':
      return ordered(a, b, (order) => order < 0);
    case '<=':
      return ordered(a, b, (order) => order <= 0);
    case '>':
      return ordered(a, b, (order) => order > 0);
    case '>=':
      return ordered(a, b, (order) => order >= 0);
    case 'contains':
      return (a as string).includes(b as string);
    case 'like':
    case 'ilike':
      return likeAny(a as string | string[], b as string, operator === 'ilike');
    default:
      return calculated(operator, a as number | Time, b as number | Time | string);
  }
}

function calculated(operator: string, a: number | Time, b: number | Time | string): Value {
  if (typeof a === 'number' && typeof b === 'number') return arithmetic(operator, a, b);
  if (typeof a === 'number') return { us: (b as Time).us + a * 1e6 };
  if (typeof b === 'number') return { us: operator === '+' ? a.us + b * 1e6 : a.us - b * 1e6 };
  return (a.us - asTime(b).us) / 1e6;
}

function arithmetic(operator: string, a: number, b: number): number | null {
  if (operator === '+') return a + b;
  if (operator === '-') return a - b;
  if (operator === '*') return a * b;
  if (b === 0) return null;
  return operator === '/' ? a / b : a % b;
}

const not = (value: boolean | null): boolean | null => (value === null ? null : !value);
const any = (values: (boolean | null)[]): boolean | null =>
  values.includes(true) || (values.includes(null) ? null : false);
const all = (values: (boolean | null)[]): boolean | null => not(any(values.map(not)));

function equals(a: Value, b: Value): boolean | null {
  if (Array.isArray(a) && b !== null) return a.includes(b as string);
  return ordered(a, b, (order) => order === 0);
}

function ordered(a: Value, b: Value, holds: (order: number) => boolean): boolean | null {
  return a === null || b === null ? null : holds(compare(a, b));
}

function compare(a: Value, b: Value): number {
  if (isTime(a) || isTime(b)) return asTime(a).us - asTime(b).us;
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  return Number(a) - Number(b);
}

const isTime = (value: Value): value is Time => typeof value === 'object' && value !== null && 'us' in value;

/** Times in texts have at most milliseconds here, which Date can read. */
function asTime(value: Value): Time {
  if (isTime(value)) return value;
  const text = (value as string).replace(' ', 'T').replace(/([+-]\d\d)(\d\d)$/, '$1:$2');
  return { us: Date.parse(text) * 1000 };
}

function likeAny(value: string | string[], pattern: string, any_case: boolean): boolean {
  const texts = typeof value === 'string' ? [value] : value;
  const fold = (text: string): string => (any_case ? text.toLowerCase() : text);
  return texts.some((text) => like([...fold(text)], [...fold(pattern)]));
}

function like(text: readonly string[], pattern: readonly string[]): boolean {
  const [first, second] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '%') return like(text, pattern.slice(1)) || (text.length > 0 && like(text.slice(1), pattern));
  if (text.length === 0) return false;
  if (first === '_') return like(text.slice(1), pattern.slice(1));
  const escapes = first === '\\' && second !== undefined && '%_\\'.includes(second);
  return text[0] === (escapes ? second : first) && like(text.slice(1), pattern.slice(escapes ? 2 : 1));
}
