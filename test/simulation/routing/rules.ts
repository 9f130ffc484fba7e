/** Rules of routing, how to break each on purpose, and the history that shows it. */
import type { Rule } from '../rules.ts';
import type { RoutingHistory } from './history.ts';

const CLAIMS = 'server/state-machine/decide/claims.ts';
const FAIR = 'server/state-machine/state/fair-line.ts';
const REQUIREMENT = 'server/state-machine/state/requirement.ts';

export type RoutingRule = Rule & { play: (history: RoutingHistory) => void };

const LARGE = { model: 'large' };

export const ROUTING_RULES: readonly RoutingRule[] = [
  {
    name: 'a-claim-passes-over-whole-lines',
    file: FAIR,
    replace: [['if (!this.#options.meets(requirementIn(name))) continue;', '']],
    play(history) {
      history.register('w1', { model: 'tiny' });
      for (let n = 0; n < 120; n++) history.submit(LARGE);
      history.submit(undefined);
      history.claim('w1');
    },
  },
  {
    name: 'jobs-of-several-lines-go-in-the-order-of-entry',
    file: FAIR,
    replace: [['(first && line.head[0] >= first.head![0])', 'first']],
    play(history) {
      history.register('w1', LARGE);
      history.submit(LARGE);
      history.submit(undefined);
      history.submit(LARGE);
      for (let n = 0; n < 3; n++) history.claim('w1');
    },
  },
  {
    name: 'a-worker-gets-only-what-it-can-do',
    file: CLAIMS,
    replace: [
      ['meets: meetsThis', 'meets: () => true'],
      ['if (!meets(worker, requirement)) return false;', ''],
    ],
    play(history) {
      history.register('w1', { model: 'tiny' });
      history.submit(LARGE);
      history.claim('w1');
    },
  },
  {
    name: 'what-a-worker-has-not-declared-is-unknown',
    file: REQUIREMENT,
    replace: [['has.length > 0 && ', '']],
    play(history) {
      history.register('w1', {});
      history.submit(LARGE);
      history.claim('w1');
    },
  },
];
