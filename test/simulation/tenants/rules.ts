/** Rules of tenants, how to break each on purpose, and the history that shows it. */
import type { Rule } from '../rules.ts';
import type { TenantsHistory } from './history.ts';

const TENANTS = 'server/state-machine/state/tenants.ts';
const FAIR = 'server/state-machine/state/fair-line.ts';

export type TenantRule = Rule & { play: (history: TenantsHistory) => void };

export const TENANT_RULES: readonly TenantRule[] = [
  {
    name: 'who-was-idle-has-saved-up-nothing',
    file: TENANTS,
    replace: [['const now = Math.max(tables.virtual_times.get(priority) ?? 0, due);', 'const now = due;']],
    play(history) {
      history.submit('a', 1);
      history.submit('b', 40);
      for (let n = 0; n < 20; n++) history.claim('shared-1');
      history.submit('a', 20);
      for (let n = 0; n < 10; n++) history.claim('shared-1');
    },
  },
  {
    name: 'a-weight-counts',
    file: TENANTS,
    replace: [['after(now, tenant.weight)', 'after(now, 1)']],
    play(history) {
      history.set('b', { weight: 5 });
      history.submit('a', 30);
      history.submit('b', 30);
      for (let n = 0; n < 24; n++) history.claim('shared-1');
    },
  },
  {
    name: 'a-new-weight-counts-for-what-was-had-in-advance',
    file: TENANTS,
    replace: [['if (weight === next) return tags;', 'if (next > 0) return tags;']],
    play(history) {
      history.submit('a', 30);
      history.submit('b', 30);
      history.claim('shared-1');
      history.set('a', { weight: 1_000 });
      for (let n = 0; n < 6; n++) history.claim('shared-1');
      history.set('b', { weight: 1_000 });
      for (let n = 0; n < 6; n++) history.claim('shared-1');
    },
  },
  {
    name: 'a-claim-of-many-jobs-looks-ahead-as-they-are-handed-out',
    file: FAIR,
    replace: [['after(this.#now, ', 'after(0 * this.#now, ']],
    play(history) {
      history.submit('a', 30);
      history.submit('b', 30);
      for (let n = 0; n < 5; n++) history.claim('shared-1', 8);
    },
  },
  {
    name: 'a-limit-holds-within-one-claim',
    file: FAIR,
    replace: [['mayRun(this.#state, tenant, this.#taken.get(tenant.id))', 'mayRun(this.#state, tenant)']],
    play(history) {
      history.set('a', { max_running: 2 });
      history.submit('a', 5);
      history.claim('shared-1', 4);
    },
  },
  {
    name: 'a-pause-pauses',
    file: TENANTS,
    replace: [['if (paused_ms !== null) return false;', '']],
    play(history) {
      history.submit('a', 2);
      history.change('a', 'pause_tenant');
      history.claim('shared-1');
    },
  },
  {
    name: 'own-workers-cost-no-share',
    file: 'server/state-machine/apply/job.ts',
    replace: [
      [
        'if (hasTenants(state) && worker?.tenant === undefined) serve(state, job);',
        'if (hasTenants(state)) serve(state, job);',
      ],
    ],
    play(history) {
      history.submit('a', 30);
      history.submit('b', 30);
      for (let n = 0; n < 9; n++) {
        history.claim('a_1', 2);
        history.claim('shared-1');
      }
    },
  },
];
