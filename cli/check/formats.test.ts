import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckDocument } from '../../protocol/check.ts';
import { githubOf } from './github.ts';
import { NAGIOS_EXIT, nagiosOf } from './nagios.ts';
import { prometheusOf } from './prometheus.ts';

const SOURCE = {
  name: 'dir:/a"b\\c',
  read: true,
  error: null,
  looked_at: 3,
  found_count: 3,
  unreadable_count: 2,
  unreadable: [],
  notes: [],
  queue: { waiting: 4, in_flight: 1, oldest_seconds: null, dead_letters: 0 },
  alerts: [],
};

const WRONG: CheckDocument = {
  verdict: 'wrong',
  checked_at: '2025-07-07T20:00:00.500Z',
  since: '2025-07-06T20:00:00Z',
  says: 'wrong: 1 job stuck, 1 job failed',
  problems: [
    { kind: 'job_stuck', subject: 'job-1', says: 'no progress at 45% for 1h' },
    { kind: 'job_failed', subject: 'a:b,c', says: 'failed: 100% | line one\nline two' },
  ],
  warnings: [{ kind: 'note', subject: 'dir:/a', says: 'half-written', unknown: false }],
  counts: { queued: 0, running: 1, stuck: 1, completed: 5, failed: 1, failure_rate: 1 / 6 },
  running: [],
  failed: [],
  workers: [],
  sources: [SOURCE],
};

const WELL: CheckDocument = {
  ...WRONG,
  verdict: 'well',
  says: 'well: 1 running, 5 completed',
  problems: [],
  warnings: [],
};

test('as metrics, a check has one sample for each state, kind, verdict and source, and nothing for what is unknown', () => {
  const lines = prometheusOf(WRONG).split('\n');
  const samples = lines.filter((line) => !line.startsWith('#'));
  assert.ok(
    samples.every((line) => /^tmon_check_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"\})? \d+(\.\d+)?$/.test(line)),
    lines.join('\n'),
  );
  for (const sample of [
    'tmon_check_verdict{verdict="wrong"} 1',
    'tmon_check_verdict{verdict="well"} 0',
    'tmon_check_timestamp_seconds 1751918400.5',
    'tmon_check_jobs{state="running"} 1',
    'tmon_check_problems{kind="job_stuck"} 1',
    'tmon_check_problems{kind="dead_letters"} 0',
    String.raw`tmon_check_source_unreadable{source="dir:/a\"b\\c"} 2`,
    String.raw`tmon_check_queue_dead_letters{source="dir:/a\"b\\c"} 0`,
  ]) {
    assert.ok(samples.includes(sample), `${sample} is not in\n${samples.join('\n')}`);
  }
  assert.ok(!samples.some((line) => line.startsWith('tmon_check_queue_oldest_seconds')));
  const families = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]);
  assert.equal(new Set(families).size, families.length);
});

test('for Nagios the first line is status, summary and performance data, and no later bar begins other data', () => {
  const [first, ...details] = nagiosOf(WRONG).split('\n');
  assert.equal(
    first,
    'TRANSCRIPTION CRITICAL - 1 job stuck, 1 job failed | running=1 stuck=1;;0;0 completed=5 failed=1 waiting=4',
  );
  assert.ok(details.length > 0 && details.every((line) => !line.includes('|')), details.join('\n'));
  assert.match(nagiosOf(WELL), /^TRANSCRIPTION OK - 1 running, 5 completed \| /);
  assert.deepEqual(NAGIOS_EXIT, { well: 0, wrong: 2, unknown: 3 });
});

test('for GitHub each problem is an error annotation, one line whatever is in it', () => {
  assert.deepEqual(githubOf(WRONG).split('\n'), [
    '::error title=STUCK job-1::no progress at 45%25 for 1h',
    '::error title=FAILED a%3Ab%2Cc::failed: 100%25 | line one%0Aline two',
    '::warning title=dir%3A/a::half-written',
    'wrong: 1 job stuck, 1 job failed',
  ]);
  assert.equal(githubOf(WELL), '::notice title=Transcription::well: 1 running, 5 completed');
  const many = Array.from({ length: 40 }, (_, n) => ({
    kind: 'job_failed' as const,
    subject: `job-${n}`,
    says: 'failed',
  }));
  const lines = githubOf({ ...WRONG, problems: many }).split('\n');
  assert.equal(lines.filter((line) => line.startsWith('::error')).length, 10);
  assert.equal(lines[9], '::error title=Transcription::and 31 more');
  const unread = { ...SOURCE, read: false, error: { kind: 'missing', message: 'there is no folder', hint: null } };
  assert.match(
    githubOf({ ...WELL, verdict: 'unknown', sources: [unread] }),
    /^::error title=UNREAD dir.*::there is no folder$/m,
  );
});
