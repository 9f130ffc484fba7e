/**
 * The queries that `tmon logs --print-query` prints, over lines as the reporters write them. What runs them is insights.ts, which is ours.
 * The filter patterns of the commands run on moto with the AWS CLI: cli/logs/queries.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queriesOf } from '../../cli/logs/queries.ts';
import { formatLogLine, formatPlainLine } from '../../protocol/log-format.ts';
import { type LogLine, type Row, runInsights } from './insights.ts';

const START = Date.UTC(2026, 10, 27, 10);
const MINUTE_MS = 60_000;

const STORY: [minutes: number, event: string, job_id: string, more?: object][] = [
  [0, 'JOB_START', 'job-done'],
  [1, 'JOB_START', 'job-bad'],
  [6, 'JOB_START', 'job-runs'],
  [7, 'JOB_PROGRESS', 'job-runs', { percentage: 45 }],
  [8, 'JOB_FAILED', 'job-bad', { error: 'GPU out of memory' }],
  [9, 'JOB_COMPLETE', 'job-done', { duration: 540 }],
];

/** With lines that only mention an event. */
function linesOf(form: 'json' | 'plain'): LogLine[] {
  const lines = STORY.map(([minutes, event, job_id, more = {}]) => {
    const timestamp_ms = START + minutes * MINUTE_MS;
    const told = { event, job_id, worker_id: 'worker-1', timestamp: new Date(timestamp_ms).toISOString(), ...more };
    return { timestamp_ms, message: form === 'json' ? formatLogLine(told) : formatPlainLine(told) };
  });
  const prose = ['INFO retry after JOB_FAILED', 'INFO waiting for the next JOB_START'];
  return [...lines, ...prose.map((message, n) => ({ timestamp_ms: START + (10 + n) * MINUTE_MS, message }))];
}

const query = (view: string, name: string): string =>
  queriesOf(view, []).find((one) => one.language === 'logs_insights' && one.name === name)!.text;

const at = (minutes: number): number => START + minutes * MINUTE_MS;
const pick = (rows: Row[], ...names: string[]) => rows.map((row) => names.map((name) => row[name]));

for (const form of ['json', 'plain'] as const) {
  const run = (view: string, name: string) => runInsights(query(view, name), linesOf(form));

  test(`the corrected queries find each job, the running one, the failure, the rate and the starts: ${form} lines`, () => {
    assert.deepEqual(pick(run('jobs', 'jobs and their last lines'), 'job_id', 'last_told'), [
      ['job-done', at(9)],
      ['job-bad', at(8)],
      ['job-runs', at(7)],
    ]);
    const running = run('stuck', 'running jobs, the longest silent first');
    assert.deepEqual(pick(running, 'job_id', 'last_told'), [['job-runs', at(7)]]);
    assert.match(String(running[0]!.last_line), /JOB_PROGRESS/);
    assert.deepEqual(run('failures', 'failures, newest first'), [
      { '@timestamp': at(8), job_id: 'job-bad', error: 'GPU out of memory' },
    ]);
    assert.deepEqual(run('failures', 'failure rate'), [{ failed: 1, completed: 1, percent_failed: 50 }]);
    assert.deepEqual(run('rate', 'starts per 5 minutes, in order'), [
      { from_time: at(0), starts: 2 },
      { from_time: at(5), starts: 1 },
    ]);
  });

  test(`the queries as printed also return lines that only mention an event, as is said of them: ${form} lines`, () => {
    const failures = run('failures', 'lines with JOB_FAILED, newest first');
    assert.deepEqual(pick(failures, '@timestamp'), [[at(10)], [at(8)]]);
    const starts = run('rate', 'lines with JOB_START per 5 minutes');
    assert.deepEqual(pick(starts, 'bin(5m)', 'count()'), [
      [at(0), 2],
      [at(5), 1],
      [at(10), 1],
    ]);
  });
}

test('every query for Logs Insights is understood', () => {
  for (const view of ['watch', 'jobs', 'stuck', 'failures', 'rate']) {
    for (const { language, text } of queriesOf(view, [])) {
      if (language === 'logs_insights') runInsights(text, linesOf('json'));
    }
  }
});
