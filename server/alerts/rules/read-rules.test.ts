import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from '../../yaml-file.ts';
import { SIGNALS } from '../signals.ts';
import { defaultRules, readAlertRules } from './defaults.ts';

function problemsOf(text: string): string[] {
  return (readAlertRules(text).problems ?? []).map((problem) => formatProblem('f', problem));
}

const named = (text: string, name: string) => readAlertRules(text).rules?.rules.find((rule) => rule.name === name);

const RULE = `rules:
  - name: slow
    signal: queue_age_seconds
    above: 1h
`;

test('a file without rules has the default ones, and defaults: false has none', () => {
  assert.deepEqual(readAlertRules('').rules, defaultRules());
  assert.deepEqual(readAlertRules('# nothing').rules, defaultRules());
  assert.deepEqual(readAlertRules('defaults: false').rules, { rules: [], inhibitions: [], mute_times: [] });
});

test('the former fixed rules are defaults with the same names and severities', () => {
  const severities = Object.fromEntries(defaultRules().rules.map(({ name, severity }) => [name, severity]));
  const former = {
    worker_lost: 'WARNING',
    worker_degraded: 'WARNING',
    jobs_dead_lettered: 'WARNING',
    queue_without_workers: 'CRITICAL',
    queue_slow: 'WARNING',
    audio_url_expiring: 'WARNING',
    store_rule: 'CRITICAL',
  };
  assert.deepEqual(Object.fromEntries(Object.keys(former).map((name) => [name, severities[name]])), former);
});

test('a rule with the name of a default changes only the fields that it names', () => {
  const before = defaultRules().rules.find(({ name }) => name === 'queue_slow')!;
  const after = named('rules:\n  - name: queue_slow\n    at_least: 10m\n    labels: {team: ops}', 'queue_slow')!;
  assert.deepEqual(after, { ...before, condition: { kind: 'at_least', threshold: 600 }, labels: { team: 'ops' } });
  assert.deepEqual(named('rules:\n  - name: queue_slow\n    above: 5', 'queue_slow')!.condition, {
    kind: 'above',
    threshold: 5,
  });
  assert.equal(named('rules:\n  - name: queue_slow\n    enabled: false', 'queue_slow'), undefined);
  assert.equal(
    named('rules:\n  - name: cost_month\n    above: 50\n    enabled: true', 'cost_month')!.signal.unit,
    'usd',
  );
});

test('a mistake is reported with its line, its column and its reason', () => {
  const cases: [string, RegExp][] = [
    [`${RULE}    sevrity: INFO`, /^f:5:5: unknown field "sevrity"; did you mean "severity"\?$/],
    ['rules:\n  - nam: x', /^f:2:5: "name" is missing$/m],
    [`${RULE}    severity: warning`, /^f:5:15: must be one of INFO, WARNING, CRITICAL, not "warning"$/],
    [`${RULE}    for: soon`, /^f:5:10: "soon" is not a duration like 90s/],
    [`${RULE}    for: -5`, /^f:5:10: must be a duration/],
    [`${RULE}    below: 3`, /^f:5:12: exactly one of .* there is above and below$/],
    ['rules:\n  - name: slow\n    signal: queue_age_seconds', /^f:2:11: exactly one of .* there is none$/],
    [
      'rules:\n  - name: slow\n    signal: queue_age\n    above: 3',
      /^f:3:13: there is no signal "queue_age"; did you mean "queue_/,
    ],
    ['rules:\n  - name: slow\n    above: 3', /^f:2:11: "slow" is no default rule, so "signal" is required$/],
    ['rules:\n  - name: a\n    signal: dead_letters\n    above: 3m', /^f:4:12: "3m" is not a number$/],
    [`${RULE}    where: [worker=a]`, /^f:5:13: there is no label worker; there are queue$/],
    [`${RULE}    where: [queue]`, /^f:5:13: "queue" is not a matcher/],
    [`${RULE}    labels: {queue: x}`, /^f:5:14: the label queue is set by the signal itself$/],
    [`${RULE}    labels: {severity: x}`, /^f:5:14: the label severity is set by the rule itself$/],
    [`${RULE}    labels: {Team: x}`, /^f:5:14: "Team" is not a name of a label/],
    [`${RULE}    summary: '{{ labels.wrker }}'`, /^f:5:14: there is no labels.wrker/],
    [`${RULE}    summary: '{{ value '`, /^f:5:14: a \{\{ is not closed by \}\}$/],
    [`${RULE}    summary: '{{ job }}'`, /^f:5:14: \{\{ job \}\} is not value, labels.NAME or details.NAME$/],
    [`${RULE}    runbook_url: wiki/x`, /^f:5:18: "wiki\/x" is not allowed: a URL that begins with/],
    [`${RULE}  - name: slow\n    signal: queue_age_seconds\n    above: 2`, /^f:5:11: there is another rule "slow"$/],
    [
      'inhibitions:\n  - source: [alertname=a]\n    target: [worke!=]',
      /^f:3:14: there is no label worke; did you mean/,
    ],
    ['mute_times:\n  - name: night\n    zone: Europe/Berlim', /^f:3:11: "Europe\/Berlim" is not a zone/],
    [
      'mute_times:\n  - name: night\n    zone: utc\n    from: "25:00"',
      /^f:4:11: "25:00" is not allowed: a time of day/,
    ],
    [
      'mute_times:\n  - name: night\n    zone: utc\n    from: "24:00"\n    until: "03:00"',
      /^f:4:11: 24:00 can only be/,
    ],
    ['mute_times:\n  - name: night\n    zone: utc\n    weekdays: [fri]', /^f:4:16: must be one of sunday, /],
    ['rules: {name: x}', /^f:1:8: must be a list, not a mapping$/],
    ['- a', /^f:1:1: must be a mapping of names to values, not a list$/],
    ['rules: [', /^f:1:9: /],
    ['rules:\n\t- name: x', /^f:2:1: .*[Tt]ab/],
    ['rules: []\nrules: []', /^f:2:1: .*unique/],
    ['a: &a [*a]', /^f:1:1: /],
    [`a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [${'*a,'.repeat(99)}*a]\nc: [${'*b,'.repeat(99)}*b]`, /^f:1:1: /],
    ['x'.repeat(1_100_000), /^f:1:1: the file is larger than 1 MiB$/],
    ['!!js/function x', /^f:1:15: must be a mapping/],
  ];
  for (const [text, problem] of cases) {
    const problems = problemsOf(text);
    assert.match(problems[0] ?? 'no problem', problem, text.slice(0, 200));
  }
});

test('every mistake of a file is reported, in the order of its lines', () => {
  const problems = problemsOf(`${RULE}    sevrity: INFO\n  - name: Bad\n    labels: 3\n`);
  assert.deepEqual(
    problems.map((problem) => problem.replace(/^f:(\d+):.*/, '$1')),
    ['5', '6', '7'],
  );
});

test('a mute time has its zone, its days and its minutes', () => {
  const text = 'mute_times:\n  - {name: night, zone: Europe/Berlin, weekdays: [monday], from: "22:00", until: "06:30"}';
  assert.deepEqual(readAlertRules(text).rules?.mute_times, [
    { name: 'night', match: [], zone: 'Europe/Berlin', weekdays: [1], from: 1320, until: 390 },
  ]);
});

test('every signal names its subject among its labels', () => {
  for (const { name, labels, subject } of SIGNALS.values()) {
    assert.ok(subject === null || labels.includes(subject), name);
  }
});
