/** The page docs/policies.md says what the policies, verdicts and actions are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ACTIONS, JOB_ACTIONS, WORKER_ACTIONS } from '../../protocol/policies.ts';
import { formatProblem } from '../yaml-file.ts';
import { readPolicies } from './defaults.ts';

const page = readFileSync(new URL('../../docs/policies.md', import.meta.url), 'utf8');

const rows = page.split('\n').filter((line) => line.startsWith('| `'));
const words = (text: string | undefined): string[] => [...(text ?? '').matchAll(/`(\w+)`/g)].map(([, word]) => word!);

test('the file of policies on the page is valid', () => {
  const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!);
  assert.equal(blocks.length, 1);
  for (const text of blocks) assert.deepEqual(readPolicies(text).problems ?? [], []);
});

test('the mistake on the page is reported as the page says', () => {
  const { problems = [] } = readPolicies('policies:\n  - name: hung_job\n    afer: 2m\n');
  assert.equal(problems.length, 1);
  assert.ok(page.includes(`\n# ${formatProblem('policies.yaml', problems[0]!)}\n`));
});

test('the page has every verdict with its actions, and every action', () => {
  for (const [verdict, actions] of Object.entries({ ...JOB_ACTIONS, ...WORKER_ACTIONS })) {
    const row = rows.find((line) => words(line.split('|')[1]).includes(verdict))?.split('|');
    assert.deepEqual(words(row?.[3]), actions.slice(1), verdict);
  }
  for (const action of ACTIONS.slice(1))
    assert.ok(
      rows.some((line) => line.startsWith(`| \`${action}\` |`)),
      action,
    );
});
