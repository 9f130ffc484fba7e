/** Prints a tree as a filter: with as few parentheses as possible, and with a different spelling each time. */
import { operandsOf, type Syntax } from './syntax.ts';
import type { Chance } from './testing-chance.ts';

const LEVELS = { or: 1, and: 2, not: 3, test: 4, sum: 5, product: 6, negate: 7, value: 8 } as const;

const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  '=': ['=', '=='],
  '!=': ['!=', '<>'],
  and: ['and', 'AND', 'And', '&&'],
  or: ['or', 'OR', '||'],
  not: ['not', 'NOT', '!'],
  in: ['in', 'IN'],
  like: ['like', 'LIKE'],
  ilike: ['ilike', 'iLike'],
  contains: ['contains', 'CONTAINS'],
  between: ['between', 'BETWEEN'],
  'is null': ['is null', 'IS NULL', 'is\n\tNull'],
};

const NUMBERS: Readonly<Record<number, readonly string[]>> = {
  120: ['120', '2m', '120s', '1.2e2', '2min', '1_20'],
  3600: ['3600', '1h', '60m', '3_600'],
  86400: ['1d', '24h', '86_400'],
  100000000: ['100_000_000', '100MB', '100mb', '0.1GB', '1e8', '1E+8'],
  2048: ['2KiB', '2048', '2_048B'],
  0.5: ['0.5', '.5', '5e-1', '500ms'],
};

export function printFilter(tree: Syntax, chance: Chance): string {
  return print(tree, LEVELS.or, chance);
}

function print(node: Syntax, level: number, chance: Chance): string {
  const [own, text] = written(node, chance);
  if (own < level || chance.happens(0.05)) return `(${space(chance)}${text}${space(chance)})`;
  return text;
}

function written(node: Syntax, chance: Chance): [number, string] {
  switch (node.kind) {
    case 'number':
      return [LEVELS.value, chance.of(NUMBERS[node.value] ?? [String(node.value)])];
    case 'text':
      return [LEVELS.value, textOf(node.value, chance)];
    case 'boolean':
      return [LEVELS.value, chance.of(node.value ? ['true', 'TRUE'] : ['false', 'False'])];
    case 'null':
      return [LEVELS.value, 'null'];
    case 'field':
      return [LEVELS.value, fieldOf(node.path, chance)];
    case 'call':
      return [LEVELS.value, `${node.name}(${node.operands.map((item) => print(item, LEVELS.or, chance)).join(', ')})`];
    case 'operation':
      return operationOf(node, chance);
  }
}

function operationOf(node: Syntax & { kind: 'operation' }, chance: Chance): [number, string] {
  const { operator, operands } = node;
  const at = (index: number, level: number): string => print(operands[index]!, level, chance);
  const word = chance.of(SPELLINGS[operator] ?? [operator]);
  switch (operator) {
    case 'or':
      return [LEVELS.or, operands.map((item) => print(item, LEVELS.and, chance)).join(` ${word} `)];
    case 'and':
      return [LEVELS.and, operands.map((item) => print(item, LEVELS.not, chance)).join(` ${word} `)];
    case 'not':
      return negated(operands[0]!, word, chance);
    case 'negate':
      return [LEVELS.negate, `-${space(chance)}${at(0, LEVELS.negate)}`];
    case '+':
    case '-':
      return [LEVELS.sum, `${at(0, LEVELS.sum)}${space(chance)}${word}${space(chance)}${at(1, LEVELS.product)}`];
    case '*':
    case '/':
    case '%':
      return [LEVELS.product, `${at(0, LEVELS.product)} ${word} ${at(1, LEVELS.negate)}`];
    default:
      return [LEVELS.test, testOf(node, word, '', chance)];
  }
}

/** `x not in (…)` is the same as `not x in (…)`. */
function negated(operand: Syntax, word: string, chance: Chance): [number, string] {
  const test = operand.kind === 'operation' ? operand.operator : '';
  if (['in', 'between', 'like', 'ilike', 'contains', 'is null'].includes(test) && chance.happens(0.6)) {
    const spelling = chance.of(SPELLINGS[test]!);
    return [LEVELS.test, testOf(operand as Syntax & { kind: 'operation' }, spelling, 'not ', chance)];
  }
  return [LEVELS.not, `${word} ${print(operand, LEVELS.not, chance)}`];
}

function testOf(node: Syntax & { kind: 'operation' }, word: string, not: string, chance: Chance): string {
  const [left, ...right] = operandsOf(node).map((operand) => print(operand, LEVELS.sum, chance));
  switch (node.operator) {
    case 'is null':
      return `${left} ${not ? word.replace(/\s/, ' not ') : word}`;
    case 'in':
      return `${left} ${not}${word} (${right.join(`${space(chance)},${space(chance)}`)})`;
    case 'between':
      return `${left} ${not}${word} ${right.join(' and ')}`;
    case 'contains':
      if (node.operands[0]!.kind !== 'field' || left!.startsWith('(') || chance.happens(0.5)) break;
      return `${right[0]} ${not}in ${left}`;
  }
  return `${left} ${not}${word} ${right[0]}`;
}

function fieldOf([first, ...keys]: readonly string[], chance: Chance): string {
  const plain = (key: string): boolean => /^[A-Za-z_]\w*$/.test(key) && chance.happens(0.8);
  return first + keys.map((key) => (plain(key) ? `.${key}` : `[${textOf(key, chance)}]`)).join('');
}

function textOf(value: string, chance: Chance): string {
  const quote = chance.of(["'", '"']);
  const inside = value
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, chance.of([quote + quote, `\\${quote}`]))
    .replaceAll('\n', chance.of(['\n', '\\n']))
    .replaceAll('\t', chance.of(['\t', '\\t']));
  return quote + inside + quote;
}

const space = (chance: Chance): string => chance.of(['', ' ', '  ', '\n']);
