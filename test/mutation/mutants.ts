/**
 * Finds the places of a source file that can be broken, and the ways to break each. Types are not code: they are
 * blanked out first.
 */
import { stripTypeScriptTypes } from 'node:module';
import { type Node, parse } from 'acorn';
import { fullAncestor } from 'acorn-walk';

export type Mutant = {
  file: string;
  /** Characters of the file that are replaced, and by what. */
  start: number;
  end: number;
  replacement: string;
  /** `a < b → a <= b`, on one line. */
  change: string;
  line: number;
};

type Found = { start: number; end: number; replacement: string };
type AnyNode = Node & Record<string, never>;

const OPERATORS: Record<string, string> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '&&': '||',
  '||': '&&',
  '??': '&&',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '+=': '-=',
  '-=': '+=',
  '||=': '&&=',
  '??=': '&&=',
  '++': '--',
  '--': '++',
};

const LITERAL_MAX = 16;
/** Characters of a change that are not cut. */
const SHOWN_MAX = 100;

export function mutantsOf(file: string, source: string): Mutant[] {
  const script = stripTypeScriptTypes(source);
  const tree = parse(script, { ecmaVersion: 'latest', sourceType: 'module' });
  const mutants: Mutant[] = [];
  fullAncestor(tree, (node, _state, ancestors) => {
    const parent = (ancestors as Node[]).at(-2) as AnyNode | undefined;
    if (isConstant(ancestors as Node[])) return;
    for (const { start, end, replacement } of breaksOf(node as AnyNode, parent, script)) {
      const shown = shownOf(node, parent);
      const before = script.slice(shown.start, shown.end);
      const after = before.slice(0, start - shown.start) + replacement + before.slice(end - shown.start);
      const line = script.slice(0, start).split('\n').length;
      mutants.push({ file, start, end, replacement, change: `${oneLine(before)} → ${oneLine(after)}`, line });
    }
  });
  return mutants;
}

/** A literal alone is not informative: it is shown in its expression, unless that is too long. */
function shownOf(node: Node, parent: Node | undefined): Node {
  const alone = node.type !== 'Literal' || parent === undefined;
  return alone || parent.end - parent.start > SHOWN_MAX ? node : parent;
}

/** Within `const SOME_LIMIT = …` of a module: a setting, not a rule. */
function isConstant(ancestors: readonly Node[]): boolean {
  const declarator = ancestors.find(({ type }) => type === 'VariableDeclarator') as
    | (Node & { id: { name?: string } })
    | undefined;
  return /^[A-Z0-9_]+$/.test(declarator?.id.name ?? '') && !ancestors.some(({ type }) => /Function/.test(type));
}

function* breaksOf(node: AnyNode, parent: AnyNode | undefined, script: string): Generator<Found> {
  switch (node.type as string) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression': {
      const { left, right, operator } = node as unknown as { left: Node; right: Node; operator: string };
      const replacement = OPERATORS[operator];
      // Texts are joined, not added.
      if (replacement === undefined || (operator === '+' && /['"`]/.test(script.slice(left.start, right.end)))) return;
      const start = script.indexOf(operator, left.end);
      if (start >= 0 && start < right.start) yield { start, end: start + operator.length, replacement };
      return;
    }
    case 'UpdateExpression': {
      const { operator, prefix } = node as unknown as { operator: string; prefix: boolean };
      const start = prefix ? node.start : node.end - 2;
      yield { start, end: start + 2, replacement: OPERATORS[operator]! };
      return;
    }
    case 'UnaryExpression':
      if ((node as unknown as { operator: string }).operator === '!')
        yield { start: node.start, end: node.start + 1, replacement: '' };
      return;
    case 'AwaitExpression':
      // A dropped await of a statement; elsewhere the promise itself would be a value of another type.
      if ((parent?.type as string) === 'ExpressionStatement') {
        yield { start: node.start, end: node.start + 'await'.length, replacement: 'void ' };
      }
      return;
    case 'ExpressionStatement': {
      const { expression } = node as unknown as { expression: Node };
      const called = expression.type === 'AwaitExpression' ? (expression as AnyNode).argument : expression;
      if ((called as Node).type === 'CallExpression') yield { start: node.start, end: node.end, replacement: ';' };
      return;
    }
    case 'IfStatement':
    case 'ConditionalExpression': {
      const { test } = node as unknown as { test: Node };
      yield { start: test.start, end: test.end, replacement: 'true' };
      yield { start: test.start, end: test.end, replacement: 'false' };
      return;
    }
    case 'Literal': {
      const { value } = node as unknown as { value: unknown };
      if (typeof value === 'boolean') yield { start: node.start, end: node.end, replacement: String(!value) };
      // One more of a large number is a matter of tuning.
      if (typeof value === 'number' && value <= LITERAL_MAX)
        yield { start: node.start, end: node.end, replacement: String(value + 1) };
      return;
    }
  }
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length <= SHOWN_MAX ? line : `${line.slice(0, 60)} … ${line.slice(-36)}`;
}
