/** A simulated fleet with every policy on, as the default ones are but for their mode. */
import { defaultPolicies } from '../../server/policies/defaults.ts';
import type { Policies } from '../../server/policies/policies.ts';
import { simulate } from './fleet.ts';
import type { Score } from './score.ts';

const ALL_ON: Policies = {
  ...defaultPolicies(),
  policies: defaultPolicies().policies.map((policy) => ({ ...policy, mode: 'on' })),
};

export const simulateActing = (seed: number): Score => simulate({ seed, policies: ALL_ON });
