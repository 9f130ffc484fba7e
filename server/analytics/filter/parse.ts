/** Text → tree, within the limits; every refusal says what was expected where. */
import { alternatives, invalidFilter, quoted } from './errors.ts';
import { type GrammarChecks, type GrammarError, grammarParser, UNNAMED } from './grammar.ts';
import { operandsOf, type Syntax } from './syntax.ts';
import { UNITS, unitFactor } from './units.ts';

export const LIMITS = { text_characters: 4_096, depth: 64, nodes: 1_000, list_items: 1_000 };

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };

export function parseSyntax(text: string): Syntax {
  checkCharacters(text);
  const tree = parseGrammar(text);
  checkSize(text, tree);
  return tree;
}

function parseGrammar(text: string): Syntax {
  try {
    return grammarParser().parse(text, checksOf(text));
  } catch (error) {
    if ((error as Partial<GrammarError>).expected === undefined) throw error;
    throw unexpected(text, error as GrammarError);
  }
}

function unexpected(text: string, error: GrammarError): Error {
  const at = error.location.start.offset;
  const named = (error.expected ?? []).filter((item) => item.type !== 'class' && item.description !== UNNAMED);
  const expected = [...new Set(named.map(nameOf))].sort();
  const found = /^(?:\w+|.|\n)/su.exec(text.slice(at))?.[0];
  const message = `expected ${alternatives(expected)}; found ${found === undefined ? 'the end' : quoted(found)}`;
  return invalidFilter(text, at, message, { expected });
}

const nameOf = (item: NonNullable<GrammarError['expected']>[number]): string =>
  item.type === 'end' ? 'the end' : (item.description ?? `"${item.text}"`);

function checksOf(text: string): GrammarChecks {
  return {
    nested: (depth, at) => checkDepth(text, depth, at),
    unclosedText: (at) => {
      const quote = text[at]!;
      throw invalidFilter(text, at, `the text that begins here is not closed; expected ${quote}`, {
        expected: [quote],
      });
    },
    escaped: (character, at) => escaped(text, character, at),
    number: (digits, unit, at) => numberOf(text, digits, unit, at),
  };
}

/** Also of calculations such as a + b + c + …, which nest without parentheses. */
function checkDepth(text: string, depth: number, at: number): void {
  if (depth > LIMITS.depth) throw invalidFilter(text, at, `nested deeper than ${LIMITS.depth}`);
}

/** `\%` and `\_` stay as they are: they mean something to `like`. */
function escaped(text: string, character: string, at: number): string {
  if (character === '%' || character === '_') return `\\${character}`;
  const meant = ESCAPES[character];
  if (meant !== undefined) return meant;
  const expected = [...Object.keys(ESCAPES), '%', '_'].map((known) => `\\${known}`);
  throw invalidFilter(text, at, `no such escape; expected ${alternatives(expected)}`, {
    expected,
    hint: 'Write a backslash as \\\\.',
  });
}

function numberOf(text: string, digits: string, unit: string, at: number): number {
  const factor = unit === '' ? 1 : unitFactor(unit);
  if (factor === undefined) {
    const message = `${quoted(unit)} is no unit; expected ${alternatives(UNITS)}`;
    throw invalidFilter(text, at + digits.length, message, { expected: UNITS });
  }
  const value = Number(digits.replaceAll('_', '')) * factor;
  if (Number.isFinite(value)) return value;
  throw invalidFilter(text, at, `the number is too large; expected at most ${Number.MAX_VALUE}`);
}

function checkCharacters(text: string): void {
  if (text.length > LIMITS.text_characters) {
    const message = `it has ${text.length} characters; at most ${LIMITS.text_characters} are allowed`;
    throw invalidFilter(text, LIMITS.text_characters, message);
  }
  const at = text.search(/\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
  if (at >= 0) throw invalidFilter(text, at, 'the character here is no text: NUL, or half of a pair');
}

/** The items of a list have a limit of their own, and do not count as nodes if they are plain values. */
function checkSize(text: string, tree: Syntax): void {
  let nodes = 0;
  const count = (node: Syntax, depth: number): void => {
    checkDepth(text, depth, node.at);
    if (++nodes > LIMITS.nodes) {
      throw invalidFilter(text, node.at, `it has more than ${LIMITS.nodes} values and operators`);
    }
    const isList = node.kind === 'operation' && node.operator === 'in';
    if (isList) checkList(text, node.operands.slice(1));
    for (const [index, operand] of operandsOf(node).entries()) {
      if (!isList || index === 0 || operandsOf(operand).length > 0) count(operand, depth + 1);
    }
  };
  count(tree, 1);
}

function checkList(text: string, items: readonly Syntax[]): void {
  if (items.length <= LIMITS.list_items) return;
  const message = `the list has ${items.length} items; at most ${LIMITS.list_items} are allowed`;
  throw invalidFilter(text, items[LIMITS.list_items]!.at, message);
}
