/** The page docs/alerts.md says what the rules and signals are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AlertRulesFile } from '../../protocol/alert-rules.ts';
import { formatProblem, readYaml } from '../yaml-file.ts';
import { DEFAULTS_PATH, readAlertRules } from './rules/defaults.ts';
import { SIGNALS } from './signals.ts';

const page = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8');

const rowsAfter = (heading: string): string[][] =>
  page
    .slice(page.indexOf(`## ${heading}`))
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));

test('the file of rules on the page is valid', () => {
  const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!);
  assert.equal(blocks.length, 1);
  for (const text of blocks) assert.deepEqual(readAlertRules(text).problems ?? [], []);
});

test('the mistake on the page is reported as the page says', () => {
  const { problems = [] } = readAlertRules('rules:\n  - name: queue_slow\n    sevrity: INFO\n');
  assert.deepEqual(problems.length, 1);
  assert.ok(page.includes(`\n# ${formatProblem('alerts.yaml', problems[0]!)}\n`));
});

test('the page has every default rule with its severity', () => {
  const { value } = readYaml(readFileSync(DEFAULTS_PATH, 'utf8'), AlertRulesFile);
  assert.deepEqual(
    rowsAfter('Default rules').map(([, name, severity]) => [name, severity]),
    value!.rules!.map(({ name, severity }) => [name, severity]),
  );
});

test('the page has every signal with its unit, labels, details and meaning', () => {
  const listed = (names: readonly string[]) => names.join(', ') || '–';
  assert.deepEqual(
    rowsAfter('Signals').map((row) => row.slice(1, 6)),
    [...SIGNALS.values()].map(({ name, unit, labels, details, meaning }) => [
      name,
      unit,
      listed(labels),
      listed(details),
      meaning.replaceAll('`', ''),
    ]),
  );
});
