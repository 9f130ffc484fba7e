/**
 * Labels of alerts, and the matchers that select alerts by them: in silences, inhibitions, mute times and routes.
 *
 *     severity=CRITICAL   worker=gpu-*   team!=night   job!=
 *
 * `*` stands for any text. A label that an alert does not have is empty, so `job!=` selects the alerts of jobs.
 */
import { type Static, Type } from 'typebox';
import { Words } from './schema.ts';

export type Labels = Readonly<Record<string, string>>;

export const LABEL_PATTERN = '^[a-z][a-z0-9_]{0,63}$';
export const LABEL_VALUE_MAX = 256;

export const LabelName = Type.String({
  pattern: LABEL_PATTERN,
  description: 'Name of a label: lower-case letters, digits and `_`, at most 64.',
});

export const MATCHER_OPERATORS = ['=', '!='] as const;

export const Matcher = Type.Object(
  {
    name: LabelName,
    op: Words(MATCHER_OPERATORS, '`=`: the value matches. `!=`: it does not.'),
    value: Type.String({
      maxLength: LABEL_VALUE_MAX,
      description: 'The value of the label. `*` stands for any text; empty: the alert does not have the label.',
    }),
  },
  { additionalProperties: false },
);
export type Matcher = Static<typeof Matcher>;

const FORM = /^\s*([a-z][a-z0-9_]{0,63})\s*(!?=)\s*(.*?)\s*$/s;

/** Reads `name=value` or `name!=value`. Throws a RangeError that names the form. */
export function parseMatcher(text: string): Matcher {
  const [, name, op, value = ''] = FORM.exec(text) ?? [];
  if (name === undefined || value.length > LABEL_VALUE_MAX) {
    throw new RangeError(`${JSON.stringify(text)} is not a matcher: name=value or name!=value, * for any text`);
  }
  return { name, op: op as Matcher['op'], value };
}

export const formatMatcher = ({ name, op, value }: Matcher): string => `${name}${op}${value}`;

/** Whether all matchers select an alert with these labels. */
export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matches(matcher, labels));
}

export function matches({ name, op, value }: Matcher, labels: Labels): boolean {
  return like(value, labelOf(labels, name)) === (op === '=');
}

/** Empty if there is no such label. */
export const labelOf = (labels: Labels, name: string): string => (Object.hasOwn(labels, name) ? labels[name]! : '');

/** In time linear in the text for each `*`: between wildcards the first place that fits is as good as any other. */
function like(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - at >= last.length && text.endsWith(last);
}
