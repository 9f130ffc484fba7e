/**
 * That each rule, deliberately broken, is detected by its simulation. `npm test` breaks a third of those that are detected
 * within seconds; `npm run broken-rules` breaks all.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { extent } from '../thorough.ts';
import { broken } from './break-rule.ts';
import { runHistories } from './histories.ts';
import { NOTICE_RULES } from './notices/rules.ts';
import { POLICY_RULES } from './policies/rules.ts';
import { runQueueHistories } from './queue/histories.ts';
import { QUEUE_RULES } from './queue/rules.ts';
import { RULES, type Rule } from './rules.ts';

/** Far more than any rule needs. */
const HISTORIES_MAX = 2_000;

type Detection = { detected: boolean; histories: number };
type Simulation = { rules: readonly Rule[]; breakRule: (rule: Rule, workers: number) => Promise<Detection> };

const of =
  (thread: URL) =>
  async ({ name, seed = 1 }: Rule, workers: number): Promise<Detection> => {
    const { failed, histories } = await runQueueHistories({
      histories: HISTORIES_MAX,
      seed,
      workers,
      rule: name,
      thread,
    });
    return { detected: failed !== null, histories };
  };

export const SIMULATIONS = {
  core: {
    rules: RULES,
    async breakRule({ name, seed = 1 }, workers) {
      const { failed, histories } = await runHistories({ histories: HISTORIES_MAX, seed, workers, rule: name });
      return { detected: failed !== null, histories };
    },
  },
  queue: { rules: QUEUE_RULES, breakRule: of(new URL('./queue/worker.ts', import.meta.url)) },
  notices: { rules: NOTICE_RULES, breakRule: of(new URL('./notices/worker.ts', import.meta.url)) },
  policies: { rules: POLICY_RULES, breakRule: of(new URL('./policies/worker.ts', import.meta.url)) },
} satisfies Record<string, Simulation>;

export function testBrokenRules({ rules, breakRule }: Simulation): void {
  describe('a deliberately broken rule is detected:', { concurrency: 2 }, () => {
    for (const rule of rules.filter(({ rare }) => !rare).filter((_, n) => n % extent(1, 3) === 0)) {
      test(rule.name, async () => {
        const { detected, histories } = await breakRule(rule, 1);
        assert.ok(detected, `${histories} histories without ${rule.name} went well`);
      });
    }
  });

  test('a rule whose line no longer exists is an error', () => {
    for (const rule of rules) {
      const source = readFileSync(new URL(`../../${rule.file}`, import.meta.url), 'utf8');
      assert.notEqual(broken(rule, source), source);
      assert.throws(() => broken(rule, source.replaceAll(rule.replace[0]![0], '')), /0 times, not once/);
    }
  });
}
