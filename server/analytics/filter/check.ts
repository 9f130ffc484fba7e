/** Tree → checked tree: every name is found, every operator and function gets operands that it takes. */

import { nearestNames } from '../../nearest.ts';
import type { Checked } from './checked.ts';
import { alternatives, invalidFilter, quoted } from './errors.ts';
import { type Fields, fieldNamed, splitAggregate, unknownField } from './fields.ts';
import { PATTERN_WILDCARDS, patternAsRegex, wildcardsOf } from './like.ts';
import { AGGREGATES, FUNCTIONS, OPERATORS, type OperandType, type Rule } from './rules.ts';
import type { Syntax } from './syntax.ts';
import { parseTime, TIME_EXAMPLES } from './times.ts';

type Context = { text: string; fields: Fields; in_aggregate: boolean };
type Operand = { node: Syntax; checked: Checked };

export function checkFilter(text: string, tree: Syntax, fields: Fields): Checked {
  const checked = check(tree, { text, fields, in_aggregate: false });
  if (checked.type === 'condition') return checked;
  throw invalidFilter(text, tree.at, `a filter is a condition; this is a ${TYPE_NAMES[checked.type]}`, {
    expected: ['a condition'],
    hint: 'Compare it with something: processing_time > 60',
  });
}

function check(node: Syntax, context: Context): Checked {
  switch (node.kind) {
    case 'number':
    case 'text':
      return { kind: 'value', value: node.value, type: node.kind };
    case 'boolean':
      return { kind: 'value', value: node.value, type: 'condition' };
    case 'null':
      throw invalidFilter(context.text, node.at, 'nothing equals null', { hint: 'Write: error_code is null' });
    case 'field':
      return checkField(node, context);
    case 'call':
      return checkCall(node, context);
    case 'operation':
      return checkOperation(node, context);
  }
}

function checkField(node: Syntax & { kind: 'field' }, context: Context): Checked {
  const { path, at } = node;
  const field = fieldNamed(context.fields, path);
  if (field) return field;
  const name = path.join('.');
  if (name === 'count') return aggregate('count', [], at, context);
  const split = splitAggregate(name);
  const operand = split && fieldNamed(context.fields, split.field.split('.'));
  if (!operand) throw unknownField(context.text, at, name, context.fields);
  return aggregate(split.aggregate, [{ node, checked: operand }], at, context);
}

function checkCall(node: Syntax & { kind: 'call' }, context: Context): Checked {
  const { name, at } = node;
  if (AGGREGATES.has(name)) {
    return aggregate(name, operandsIn(node, { ...context, in_aggregate: true }), at, context);
  }
  const operands = operandsIn(node, context);
  if (name === 'now' && operands.length === 0) return { kind: 'now', type: 'time' };
  const rules = FUNCTIONS.get(name);
  if (!rules) throw unknownFunction(context.text, at, name);
  return applied('operation', `${name}()`, rules, operands, at, context);
}

function aggregate(name: string, operands: Operand[], at: number, context: Context): Checked {
  if (context.in_aggregate) {
    throw invalidFilter(context.text, at, `${name} is an aggregate within an aggregate`, {
      hint: 'Aggregate a field or a calculation with fields: avg(cost / duration)',
    });
  }
  return applied('aggregate', `${name}()`, AGGREGATES.get(name)!, operands, at, context);
}

function checkOperation(node: Syntax & { kind: 'operation' }, context: Context): Checked {
  const operands = operandsIn(node, context);
  refuseTwoTexts(node, context);
  const name = node.operator === 'negate' ? '-' : node.operator;
  return applied('operation', name, OPERATORS[node.operator], operands, node.at, context);
}

/** `"state" = 'FAILED'`: double quotes make a text here, not a name as in SQL. */
function refuseTwoTexts(node: Syntax & { kind: 'operation' }, { text }: Context): void {
  const [first, second] = node.operands;
  if (first?.kind !== 'text' || second?.kind !== 'text') return;
  throw invalidFilter(text, node.at, `both sides of ${node.operator} are texts in quotes`, {
    expected: ['a field'],
    hint: "A field is written without quotes: state = 'FAILED'",
  });
}

const operandsIn = (node: Syntax & { operands: Syntax[] }, context: Context): Operand[] =>
  node.operands.map((operand) => ({ node: operand, checked: check(operand, context) }));

function applied(
  kind: 'operation' | 'aggregate',
  name: string,
  rules: readonly Rule[],
  operands: readonly Operand[],
  at: number,
  { text }: Context,
): Checked {
  const rule = rules.find((candidate) => takes(candidate, operands));
  if (!rule) throw notTaken(text, name, rules, operands, at);
  const converted = operands.map((operand, index) => convert(text, operand, typeAt(rule, index)!));
  return { kind, rule, operands: converted, type: rule.returns };
}

const typeAt = (rule: Rule, index: number): OperandType | undefined => rule.takes[index] ?? rule.more;

function takes(rule: Rule, operands: readonly Operand[]): boolean {
  if (operands.length < rule.takes.length) return false;
  return operands.every(({ checked }, index) => {
    const wanted = typeAt(rule, index);
    return checked.type === wanted ? true : isText(checked) && (wanted === 'time' || wanted === 'pattern');
  });
}

const isText = (checked: Checked): checked is Checked & { kind: 'value'; value: string } =>
  checked.kind === 'value' && checked.type === 'text';

function convert(text: string, { node, checked }: Operand, wanted: OperandType): Checked {
  if (checked.type === wanted || !isText(checked)) return checked;
  return { kind: 'value', value: (wanted === 'time' ? timeOf : regexOf)(text, checked.value, node.at), type: wanted };
}

function timeOf(text: string, value: string, at: number): number {
  const time = parseTime(value);
  if (time !== undefined) return time;
  const message = `${quoted(value)} is not a time; expected one such as ${alternatives(TIME_EXAMPLES)}`;
  throw invalidFilter(text, at, message, { expected: TIME_EXAMPLES });
}

function regexOf(text: string, pattern: string, at: number): string {
  const wildcards = wildcardsOf(pattern);
  if (wildcards <= PATTERN_WILDCARDS) return patternAsRegex(pattern);
  throw invalidFilter(text, at, `the pattern has ${wildcards} times %; at most ${PATTERN_WILDCARDS} are allowed`);
}

function unknownFunction(text: string, at: number, name: string): Error {
  const known = [...FUNCTIONS.keys(), ...AGGREGATES.keys(), 'now'];
  const nearest = nearestNames(name, known);
  const hint = nearest.length > 0 ? `Did you mean ${alternatives(nearest)}?` : `There are: ${known.join(', ')}.`;
  return invalidFilter(text, at, `no function is named ${quoted(name)}`, { expected: known, nearest, hint });
}

function notTaken(text: string, name: string, rules: readonly Rule[], operands: readonly Operand[], at: number): Error {
  const given = operands.map(({ checked }) => TYPE_NAMES[checked.type]).join(', ') || 'nothing';
  const expected = [...new Set(rules.map(signature))];
  return invalidFilter(text, at, `${name} takes ${alternatives(expected)}; here it has (${given})`, {
    expected,
    hint: typeHint(operands),
  });
}

const TYPE_NAMES: Readonly<Record<OperandType, string>> = {
  number: 'number',
  text: 'text',
  texts: 'list of texts',
  time: 'time',
  condition: 'condition',
  pattern: 'pattern in quotes',
};

function signature({ takes, more }: Rule): string {
  const names = takes.map((type) => TYPE_NAMES[type]);
  return `(${[...names, ...(more ? [`${TYPE_NAMES[more]} …`] : [])].join(', ')})`;
}

function typeHint(operands: readonly Operand[]): string | undefined {
  const types = new Set(operands.map(({ checked }) => checked.type));
  if (!types.has('number')) return undefined;
  const metadata = operands.find(({ checked }) => checked.kind === 'metadata');
  if (metadata?.node.kind === 'field') return `Values of metadata are texts: number(${metadata.node.path.join('.')})`;
  const numeric = operands.find(
    ({ checked }) => isText(checked) && checked.value.trim() !== '' && Number.isFinite(Number(checked.value)),
  );
  return numeric && 'A number is written without quotes.';
}
