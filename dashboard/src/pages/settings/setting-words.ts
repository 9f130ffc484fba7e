/** Settings in groups, their values with units. */
import type { SystemSettings } from '../../../../protocol/system.ts';
import { bytes, count, duration } from '../../parts/format.ts';

export type Setting = SystemSettings['settings'][number];

export const SECTIONS = [
  'Retention',
  'Jobs and workers',
  'Notifications',
  'Store and journal',
  'Everything else',
] as const;
export type Section = (typeof SECTIONS)[number];

const PLACES: readonly (readonly [Section, RegExp])[] = [
  [
    'Retention',
    /^(retention_ms|.*_window_ms|.*_days|finished_max|commands_max|notices_max|upload_.*keep.*|uploads_.*|.*_kept.*)$/,
  ],
  ['Notifications', /^(notify|notice|webhook|allow_private)/],
  ['Store and journal', /^(store|s3_|snapshot_|tail_|soft_|outcome_|view_|cache)/],
  ['Jobs and workers', /^(lease|kill|retry|elsewhere|passes|worker_|reconcile|queue|ingest|fleet|source|alert_rules)/],
];

export function sectionOf({ name }: Pick<Setting, 'name'>): Section {
  return PLACES.find(([, pattern]) => pattern.test(name))?.[0] ?? 'Everything else';
}

/** By its name: `_ms` is a time, `_bytes` a size. */
export function shownValue(name: string, value: Setting['value']): string {
  if (value === null) return 'by the store';
  if (value === '') return 'none';
  if (typeof value === 'string') return value;
  if (name.endsWith('_ms')) return value < 1000 && value > 0 ? `${value} ms` : duration(value / 1000);
  if (/bytes/.test(name)) return bytes(value);
  if (name.endsWith('_days')) return `${count(value)} days`;
  return count(value);
}

/** Not as it would be without a choice. */
export const isChosen = ({ value, default: usual }: Setting): boolean => value !== usual;
