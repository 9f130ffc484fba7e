/** Rules of notifications, and how to break each on purpose: the histories must detect every one. */
import type { Rule } from '../rules.ts';

const APPLY = 'server/state-machine/apply/notices.ts';
const DECIDE = 'server/state-machine/decide/notices.ts';
const GROUPS = 'server/state-machine/decide/alert-groups.ts';
const SENDER = 'server/notices/sender.ts';

export const NOTICE_RULES: readonly Rule[] = [
  {
    name: 'the-id-follows-from-the-events',
    file: APPLY,
    replace: [['(state.scalars.next_ordinal + 1).toString(36)', 'Math.random().toString(36).slice(2)']],
  },
  {
    name: 'a-claim-ends',
    rare: true,
    file: APPLY,
    replace: [["state: 'sending', attempts, next_ms: until_ms,", "state: 'sending', attempts, next_ms: 2 * until_ms,"]],
  },
  {
    name: 'send-only-what-was-claimed',
    file: SENDER,
    replace: [['if (notice?.claimed_by !== by) continue;', 'if (!notice) continue;']],
  },
  {
    name: 'claim-only-what-is-due',
    file: DECIDE,
    replace: [['notice.next_ms === null || notice.next_ms > at_ms) continue;', 'notice.next_ms === null) continue;']],
  },
  {
    name: 'release-only-if-nobody-else-is-alive',
    file: SENDER,
    replace: [['let released = !sole;', 'let released = sole && !sole;']],
  },
  {
    name: 'probe-a-destination-in-trouble',
    rare: true,
    file: DECIDE,
    replace: [['(isTroubled(troubles.get(destination)) ? 1 :', '(isTroubled(troubles.get(destination)) ? 0 :']],
  },
  {
    name: 'try-again-after-a-failure',
    file: DECIDE,
    replace: [['const next_ms = over ? null : at_ms + wait_ms;', 'const next_ms = over ? null : null;']],
  },
  {
    name: 'say-nothing-twice',
    file: GROUPS,
    replace: [['new Set(stored?.notified.map(([fingerprint]) => fingerprint))', 'new Set<string>()']],
  },
  {
    name: 'a-group-ends-with-its-alerts',
    file: APPLY,
    replace: [
      ['if (notified.length === 0) alert_groups.delete(key);', 'if (notified === null) alert_groups.delete(key);'],
    ],
  },
];
