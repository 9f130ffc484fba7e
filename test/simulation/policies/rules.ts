/** Rules of policies, and how to break each on purpose: the histories must detect every one. */
import type { Rule } from '../rules.ts';

const POLICIES = 'server/state-machine/decide/policies.ts';
const ACTIONS = 'server/state-machine/decide/actions.ts';

export const POLICY_RULES: readonly Rule[] = [
  {
    name: 'once-for-a-verdict-on-an-attempt',
    rare: true,
    file: POLICIES,
    replace: [['note.verdict === verdict && note.at_ms >= since_ms', 'note.verdict === verdict && note.at_ms < 0']],
  },
  {
    name: 'at-most-per-hour',
    file: POLICIES,
    replace: [['count >= policy.per_hour', 'count < 0']],
  },
  {
    name: 'per-hour-over-restarts-and-instances',
    rare: true,
    file: POLICIES,
    replace: [["lastHour(state, policy.name, 'acted', at_ms).length", '0']],
  },
  {
    name: 'many-at-once-pause-all',
    rare: true,
    file: POLICIES,
    replace: [['if (count <= limit) return null;', 'if (count > 0) return null;']],
  },
  {
    name: 'a-pause-pauses',
    rare: true,
    file: POLICIES,
    replace: [['else if (isPaused && breaks(policy))', 'else if (isPaused && !breaks(policy))']],
  },
  {
    name: 'judged-again-before-acting',
    rare: true,
    file: POLICIES,
    replace: [['if (now.status !== job.verdict.status) continue;', '']],
  },
  {
    name: 'an-action-ends-the-lease',
    file: ACTIONS,
    replace: [
      ['return job ? { events: requeue(state, job, act, context) } : null;', 'return job ? { events: [] } : null;'],
    ],
  },
  {
    name: 'a-replaced-worker-holds-nothing',
    file: ACTIONS,
    replace: [['...(job ? requeue(state, job, act, context) : []),', '']],
  },
  {
    name: 'a-killed-engine-has-a-deadline',
    rare: true,
    file: 'server/state-machine/decide/workers.ts',
    replace: [['.filter((job_id) => !isKilled(state.job(job_id)!))', '']],
  },
];
