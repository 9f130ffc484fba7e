/** Tests that each rule, deliberately broken, is detected: in parts, so that they run at the same time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runHistories } from './histories.ts';
import { RULES } from './rules.ts';

/** Far more than any of these needs. */
const HISTORIES_MAX = 2_000;

/** `part`: 0 to `parts` - 1. */
export function testBrokenRules(part: number, parts: number): void {
  describe('a deliberately broken rule is detected:', () => {
    for (const rule of RULES.filter((_, index) => index % parts === part)) {
      test(rule.name, async () => {
        const { name, seed = 1 } = rule;
        const totals = await runHistories({ histories: HISTORIES_MAX, seed, workers: 1, rule: name });
        assert.ok(totals.failed, `${totals.histories} histories without ${rule.name} went well`);
      });
    }
  });
}
