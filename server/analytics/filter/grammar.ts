/** The grammar of filters, for peggy. Its actions only build the tree; what a name means is decided in check.ts. */
import { createRequire } from 'node:module';
import type { Syntax } from './syntax.ts';

/** What the grammar cannot say itself: it is called with an offset, and throws if that place is wrong. */
export type GrammarChecks = {
  /** `depth` expressions are open, one inside the other. */
  nested(depth: number, at: number): void;
  unclosedText(at: number): never;
  /** The character after the backslash. */
  escaped(character: string, at: number): string;
  number(digits: string, unit: string, at: number): number;
};

export type GrammarError = {
  location: { start: { offset: number } };
  expected: { type: string; text?: string; description?: string }[] | null;
};

/** Expectations of this name, and single characters, are left out of messages. */
export const UNNAMED = 'unnamed';

const GRAMMAR = String.raw`
{{
  const operation = (operator, operands, at) => ({ kind: 'operation', operator, operands, at });
  const chain = (operator, first, rest) =>
    rest.length === 0 ? first : operation(operator, [first, ...rest.map(([, operand]) => operand)], rest[0][0]);
  const fold = (first, rest) =>
    rest.reduce((left, [{ operator, at }, right]) => operation(operator, [left, right], at), first);
  const SAME = { '==': '=', '<>': '!=' };
}}
{
  let depth = 0;
  const open = (at) => { options.nested(++depth, at); return true; };
  const close = (node) => { depth--; return node; };
}

Filter = _ @Or _

Or = first:And rest:(_ @OrWord _ @And)* { return chain('or', first, rest); }

And = first:Not rest:(_ @AndWord _ @Not)* { return chain('and', first, rest); }

Not
  = at:NotWord _ &{ return open(at); } operand:Not { return close(operation('not', [operand], at)); }
  / Condition

Condition = left:Sum test:(_ @Test)? { return test ? test(left) : left; }

Test
  = operator:Comparison _ right:Sum { return (left) => operation(operator.operator, [left, right], operator.at); }
  / IsNull
  / Matching
  / NotBefore _ test:Matching { const at = offset(); return (left) => operation('not', [test(left)], at); }

Matching
  = at:In _ "(" _ items:List _ ")" { return (left) => operation('in', [left, ...items], at); }
  / at:In _ list:Field { return (left) => operation('contains', [list, left], at); }
  / at:Between _ low:Sum _ "and"i !Part _ high:Sum { return (left) => operation('between', [left, low, high], at); }
  / operator:TextTest _ right:Sum { return (left) => operation(operator.operator, [left, right], operator.at); }

IsNull = at:Is _ negated:(@NotBefore _)? "null"i !Part {
  return (left) => {
    const test = operation('is null', [left], at);
    return negated ? operation('not', [test], at) : test;
  };
}

List = first:Sum rest:(_ "," _ @Sum)* { return [first, ...rest]; }

Sum = first:Product rest:(_ @Plus _ @Product)* { return fold(first, rest); }

Product = first:Negated rest:(_ @Times _ @Negated)* { return fold(first, rest); }

Negated
  = at:Minus _ &{ return open(at); } operand:Negated { return close(operation('negate', [operand], at)); }
  / Value

Value
  = at:Opening &{ return open(at); } _ node:Or _ ")" { return close(node); }
  / Text
  / Number
  / Null { return { kind: 'null', at: offset() }; }
  / "true"i !Part { return { kind: 'boolean', value: true, at: offset() }; }
  / "false"i !Part { return { kind: 'boolean', value: false, at: offset() }; }
  / Call
  / Field

Call = name:Name &(_ "(") _ at:Opening &{ return open(at); } _ operands:Arguments? _ ")" {
  return close({ kind: 'call', name, operands: operands ?? [], at: offset() });
}

Arguments = first:Or rest:(_ "," _ @Or)* { return [first, ...rest]; }

Field "a field" = first:Name rest:("." @Word / "[" _ @Text _ "]")* {
  return { kind: 'field', path: [first, ...rest.map((part) => part.value ?? part)], at: offset() };
}

Name = !(Keyword !Part) @Word
Word = $([A-Za-z_] Part*)
Part = [A-Za-z0-9_]
Keyword = "and"i / "or"i / "not"i / "in"i / "between"i / "like"i / "ilike"i / "contains"i / "is"i / "null"i / "true"i / "false"i

Text "a text"
  = "'" parts:(Plain / "''" { return "'"; } / Escape / '"')* "'" { return { kind: 'text', value: parts.join(''), at: offset() }; }
  / '"' parts:(Plain / '""' { return '"'; } / Escape / "'")* '"' { return { kind: 'text', value: parts.join(''), at: offset() }; }
  / ['"] { options.unclosedText(offset()); }
Plain = $[^'"\\]+
Escape = "\\" character:$(.) { return options.escaped(character, offset()); }

Number "a number" = digits:$(Decimal Exponent?) unit:$(Part*) {
  return { kind: 'number', value: options.number(digits, unit, offset()), at: offset() };
}
Decimal = Digits ("." Digits)? / "." Digits
Digits = [0-9]+ ("_" [0-9]+)*
Exponent = [eE] [+-]? [0-9]+

Comparison "a comparison" = operator:$("==" / "=" / "!=" / "<>" / "<=" / "<" / ">=" / ">") {
  return { operator: SAME[operator] ?? operator, at: offset() };
}
TextTest = operator:("like"i / "ilike"i / "contains"i) !Part { return { operator: operator.toLowerCase(), at: offset() }; }
Plus "an arithmetic operator" = operator:$[+-] { return { operator, at: offset() }; }
Times "an arithmetic operator" = operator:$[*/%] { return { operator, at: offset() }; }
Opening = "(" { return offset(); }
Minus = "-" { return offset(); }
AndWord "\"and\"" = ("and"i !Part / "&&") { return offset(); }
OrWord "\"or\"" = ("or"i !Part / "||") { return offset(); }
NotWord "\"not\"" = ("not"i !Part / "!" !"=") { return offset(); }
NotBefore = "not"i !Part
In = "in"i !Part { return offset(); }
Between = "between"i !Part { return offset(); }
Is = "is"i !Part { return offset(); }

Null "unnamed" = "null"i !Part
_ "unnamed" = [ \t\r\n]*
`;

type Parser = { parse(text: string, checks: GrammarChecks): Syntax };

let parser: Parser | undefined;

/** Built at the first use: loading peggy and building take about 70 ms, which a start need not wait for. */
export function grammarParser(): Parser {
  parser ??= (createRequire(import.meta.url)('peggy') as typeof import('peggy')).generate(GRAMMAR) as unknown as Parser;
  return parser;
}
