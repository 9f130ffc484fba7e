/** The tree of a filter as it was written: names and types are not checked yet. `at` is an offset in the text. */

export type Syntax =
  | { kind: 'number'; value: number; at: number }
  | { kind: 'text'; value: string; at: number }
  | { kind: 'boolean'; value: boolean; at: number }
  | { kind: 'null'; at: number }
  /** `worker.gpu_usage`, `metadata['customer-id']`: the parts of the name. */
  | { kind: 'field'; path: string[]; at: number }
  | { kind: 'call'; name: string; operands: Syntax[]; at: number }
  | { kind: 'operation'; operator: Operator; operands: Syntax[]; at: number };

/**
 * One spelling for each: `==` is `=`, `<>` is `!=`, `&&` is `and`; `x not in (…)` is `not` of `in`, `'a' in tags` is
 * `tags contains 'a'`. `and` and `or` have two operands or more, `in` has the value and then the items.
 */
export type Operator =
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | 'negate'
  | 'and'
  | 'or'
  | 'not'
  | 'in'
  | 'between'
  | 'like'
  | 'ilike'
  | 'contains'
  | 'is null';

export function operandsOf(node: Syntax): readonly Syntax[] {
  return 'operands' in node ? node.operands : [];
}
