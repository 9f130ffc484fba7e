/**
 * Texts of alerts: `Worker {{ labels.worker }} is silent`. Names are checked when the rules are read; what a sample lacks
 * makes a template fail, and the alert then goes out with a plain text that says so.
 */
import { type Labels, labelOf } from '../../protocol/alert-labels.ts';
import type { Sample, Unit } from './signals.ts';

export type Template = { parts: readonly (string | Reference)[] };

type Reference = { of: 'value' } | { of: 'labels' | 'details'; name: string };

const PLACE = /\{\{(.*?)\}\}/gs;
const REFERENCE = /^\s*(?:(value)|(labels|details)\.([a-z][a-z0-9_]{0,63}))\s*$/;

/** Throws a RangeError that says what is wrong. */
export function parseTemplate(text: string): Template {
  const parts: (string | Reference)[] = [];
  let at = 0;
  for (const match of text.matchAll(PLACE)) {
    parts.push(checkedText(text.slice(at, match.index)));
    at = match.index + match[0].length;
    const [, value, of, name] = REFERENCE.exec(match[1]!) ?? [];
    if (value) parts.push({ of: 'value' });
    else if (of && name) parts.push({ of: of as 'labels' | 'details', name });
    else throw new RangeError(`{{${match[1]}}} is not value, labels.NAME or details.NAME`);
  }
  parts.push(checkedText(text.slice(at)));
  return { parts: parts.filter((part) => part !== '') };
}

function checkedText(text: string): string {
  if (text.includes('{{')) throw new RangeError('a {{ is not closed by }}');
  return text;
}

/** The names that a template refers to, as `labels.worker`. */
export function referencesOf({ parts }: Template): { of: 'labels' | 'details'; name: string }[] {
  return parts.flatMap((part) => (typeof part === 'string' || part.of === 'value' ? [] : [part]));
}

/** Throws a RangeError if the sample lacks what the template names. */
export function render({ parts }: Template, sample: Sample, labels: Labels, unit: Unit): string {
  return parts
    .map((part) => {
      if (typeof part === 'string') return part;
      if (part.of === 'value') return formatValue(sample.value, unit);
      const text = part.of === 'labels' ? labelOf(labels, part.name) : labelOf(sample.details ?? {}, part.name);
      if (text === '') throw new RangeError(`there is no ${part.of}.${part.name}`);
      return text;
    })
    .join('');
}

/** For people: `30 minutes`, `$1.20`, `12 %`. */
export function formatValue(value: number | null, unit: Unit): string {
  if (value === null) return 'no value';
  switch (unit) {
    case 'seconds':
      return formatSeconds(value);
    case 'usd':
      return `$${value.toFixed(2)}`;
    case 'share':
      return `${rounded(value * 100)} %`;
    case 'percent':
      return `${rounded(value)} %`;
    default:
      return rounded(value);
  }
}

const rounded = (value: number): string => String(Math.round(value * 10) / 10);

function formatSeconds(value: number): string {
  if (Math.abs(value) < 10) return counted(Math.round(value * 10) / 10, 'second');
  for (const [name, length, next] of UNITS) {
    if (Math.abs(value) >= length) {
      const whole = Math.floor(value / length);
      const rest = Math.floor((value - whole * length) / next.length);
      return rest === 0 ? counted(whole, name) : `${counted(whole, name)} ${counted(rest, next.name)}`;
    }
  }
  return counted(Math.round(value), 'second');
}

const counted = (count: number, name: string): string => `${count} ${name}${count === 1 ? '' : 's'}`;

const UNITS = [
  ['day', 86_400, { name: 'hour', length: 3_600 }],
  ['hour', 3_600, { name: 'minute', length: 60 }],
  ['minute', 60, { name: 'second', length: 1 }],
] as const;
