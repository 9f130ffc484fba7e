/** What a file of alert rules says, read and checked. */
import type { Matcher } from '../../../protocol/alert-labels.ts';
import type { Zone } from '../../../protocol/zone.ts';

export type AlertRules = {
  inhibitions: readonly Inhibition[];
  mute_times: readonly MuteTime[];
};

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

export const NO_RULES: AlertRules = { inhibitions: [], mute_times: [] };
