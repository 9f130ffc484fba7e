/** What a file of alert rules says, read and checked. */
import type { Severity } from '../../../protocol/alert.ts';
import type { Labels, Matcher } from '../../../protocol/alert-labels.ts';
import type { Zone } from '../../../protocol/zone.ts';
import type { Signal } from '../signals.ts';
import type { Template } from '../template.ts';

export type AlertRules = {
  rules: readonly AlertRule[];
  inhibitions: readonly Inhibition[];
  mute_times: readonly MuteTime[];
};

export type AlertRule = {
  name: string;
  signal: Signal;
  where: readonly Matcher[];
  condition: Condition;
  /** How long the condition must hold before the alert fires. */
  for_ms: number;
  severity: Severity;
  /** Further labels. */
  labels: Labels;
  summary: Template;
  description: Template | null;
  runbook_url: string | null;
};

export const COMPARISONS = ['above', 'at_least', 'below', 'at_most', 'equals'] as const;
export type Comparison = (typeof COMPARISONS)[number];
export type Condition = { kind: Comparison; threshold: number } | { kind: 'absent' };

/** While an alert that `source` selects fires, those that `target` selects and whose labels in `equal` are the same notify nobody. */
export type Inhibition = { source: readonly Matcher[]; target: readonly Matcher[]; equal: readonly string[] };

/** Alerts that `match` selects notify nobody at these times of the week, by clocks of the zone. */
export type MuteTime = {
  name: string;
  match: readonly Matcher[];
  zone: Zone;
  /** 0: Sunday. */
  weekdays: readonly number[];
  /** Minutes of the day; `until` is excluded, and may be 1440. */
  from: number;
  until: number;
};

export const NO_RULES: AlertRules = { rules: [], inhibitions: [], mute_times: [] };
