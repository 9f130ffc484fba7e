/** What a wrong filter is told: where, what was expected, and what to write instead. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MonitorError } from '../../../protocol/errors.ts';
import { parseFilter } from './filter.ts';

type Extra = { line: number; column: number; expected: string[]; nearest?: string[] };

function refusal(text: string): MonitorError & { extra: Extra } {
  try {
    parseFilter(text);
  } catch (error) {
    assert.ok(error instanceof MonitorError, `${text}: ${(error as Error).stack}`);
    assert.equal(error.kind, 'invalid');
    assert.equal(error.code, 'invalid_filter');
    return error as MonitorError & { extra: Extra };
  }
  assert.fail(`accepted: ${text}`);
}

/** The text has a | at the place of the error. */
function refusedAt(marked: string, message: RegExp): MonitorError & { extra: Extra } {
  const before = marked.slice(0, marked.indexOf('|')).split('\n');
  const error = refusal(marked.replace('|', ''));
  assert.deepEqual([error.extra.line, error.extra.column], [before.length, [...before.at(-1)!].length + 1], marked);
  assert.match(error.message, message);
  return error;
}

test('a syntax error says where it is, what was expected there and what was found', () => {
  refusedAt('cost > |', /expected "\(", "-", .*a field, a number or a text; found the end/);
  refusedAt('cost >|> 3', /found ">"/);
  refusedAt('(cost > 3|', /expected "\)", "and", "or" or an arithmetic operator; found the end/);
  refusedAt('cost |cost', /a comparison, .*; found "cost"/);
  refusedAt('cost > 3 and |', /expected .*; found the end/);
});

test('the place counts lines and characters, not bytes', () => {
  refusedAt("state = '🎧é' and\n  cost > |", /line 2, column 10/);
  refusedAt("state = '🎧é' |cost", /line 1, column 14/);
});

test('a caret points at the place in a short line', () => {
  assert.equal(refusal('cost > 1\nand cosd > 2').hint, 'Did you mean cost?\nand cosd > 2\n    ^');
  assert.equal(refusal(`cosd > 1 ${' '.repeat(200)}`).hint, 'Did you mean cost?');
});

test('an unknown field is answered with the nearest names', () => {
  assert.deepEqual(refusedAt('|procesing_time > 3', /no field is named "procesing_time"/).extra.nearest, [
    'processing_time',
  ]);
  assert.deepEqual(refusedAt('|State = 3', /no field/).extra.nearest, ['state']);
  assert.equal(refusedAt('|avg_procesing_time > 3', /no field/).extra.nearest?.[0], 'avg_processing_time');
  assert.equal(refusedAt('worker.gpu_usage + |worker.gpu_usag > 3', /no field/).extra.nearest?.[0], 'worker.gpu_usage');
  assert.match(
    refusedAt('state = |FAILED', /no field is named "FAILED"/).hint!,
    /A text is written in quotes: 'FAILED'/,
  );
  assert.deepEqual(refusal(`${'x'.repeat(3_000)} > 1`).extra.nearest, []);
  for (const name of ['constructor', '__proto__', 'toString', 'metadata_x', 'avg_', 'avg_avg_cost']) {
    refusedAt(`|${name} is null`, /no field/);
  }
});

test('an unknown function is answered with the nearest names', () => {
  assert.deepEqual(refusedAt('|lowr(state) = 3', /no function is named "lowr"/).extra.nearest, ['lower']);
  assert.match(refusedAt('cost > |read_csv(1)', /no function/).hint!, /There are: lower, abs, .*, now\./);
  refusedAt('|now(3) > 1', /no function/);
  refusedAt('|constructor(3) > 1', /no function/);
});

test('operands of a wrong type are refused, with the types that are taken', () => {
  assert.deepEqual(refusedAt('state |> 5', /> takes .*; here it has \(text, number\)/).extra.expected, [
    '(number, number)',
    '(text, text)',
    '(time, time)',
  ]);
  refusedAt('state |+ 1 > 5', /\+ takes/);
  refusedAt('|-state > 5', /- takes \(number\); here it has \(text\)/);
  refusedAt('cost |and true', /and takes/);
  refusedAt('|not cost', /not takes/);
  refusedAt('|lower(cost) = "x"', /lower\(\) takes \(text\); here it has \(number\)/);
  refusedAt('|coalesce(cost, state) = 1', /coalesce\(\) takes/);
  refusedAt('|coalesce() = 1', /here it has \(nothing\)/);
  refusedAt('|abs(cost, cost) = 1', /here it has \(number, number\)/);
  refusedAt('cost |like "x%"', /like takes/);
  refusedAt('state |like worker_id', /pattern in quotes/);
  refusedAt('tags |< "x"', /here it has \(list of texts, text\)/);
  refusedAt('cost |in (1, "x")', /in takes/);
  refusedAt('created_at |> 5', /here it has \(time, number\)/);
  refusedAt('created_at |+ created_at > now()', /\+ takes/);
  refusedAt('cost |+ 1', /a filter is a condition; this is a number/);
});

test('an aggregate needs numbers, and none within', () => {
  refusedAt('|avg_state > 5', /avg\(\) takes \(number\); here it has \(text\)/);
  refusedAt('|p95(state) > 5', /p95\(\) takes/);
  refusedAt('|avg(created_at) > now()', /here it has \(time\)/);
  refusedAt('avg(|avg_cost) > 5', /aggregate within an aggregate/);
  refusedAt('avg(cost - |min(cost)) > 5', /aggregate within an aggregate/);
  refusedAt('sum(|count) > 5', /aggregate within an aggregate/);
});

test('usual slips have a hint', () => {
  assert.match(refusedAt("cost |> '5'", /takes/).hint!, /A number is written without quotes/);
  assert.match(refusedAt('metadata.retries |> 5', /takes/).hint!, /number\(metadata\.retries\)/);
  assert.match(refusedAt('error_code = |null', /nothing equals null/).hint!, /error_code is null/);
  assert.match(
    refusedAt(`"state" |= 'FAILED'`, /both sides of = are texts/).hint!,
    /A field is written without quotes/,
  );
  assert.match(refusedAt("state = 'C:|\\dir'", /no such escape/).hint!, /Write a backslash as/);
  refusedAt("state = |'FAILED", /not closed; expected '/);
  refusedAt("state = |'FAILED\\'", /not closed; expected '/);
  refusedAt('1 < cost |< 3', /expected "and"/);
});

test('a number has a known unit and a finite value', () => {
  refusedAt('cost > 30|x', /"x" is no unit; expected ms, s, m,/);
  refusedAt('cost > 30|M', /"M" is no unit/);
  refusedAt('cost > 0|x10', /"x10" is no unit/);
  refusedAt('cost > 1|__000', /is no unit/);
  refusedAt('cost > |1e999', /too large/);
  refusedAt(`cost > |${'9'.repeat(400)}`, /too large/);
});

test('a time must exist', () => {
  const wrong = [
    'yesterday',
    '2026-02-30',
    '2026-13-01',
    '2026-01-31T25:00',
    '2026-01-31T10:61',
    '2026-1-1',
    '',
    '2026-01-31T10:00+99:00',
  ];
  for (const time of wrong) refusedAt(`created_at > |'${time}'`, /is not a time; expected one such as '2026-01-31'/);
});

test('beyond the limits a filter is refused, up to them it is not', () => {
  const nested = (depth: number): string => `${'('.repeat(depth)}true${')'.repeat(depth)}`;
  parseFilter(nested(64));
  refusedAt(`${'('.repeat(64)}|${'('.repeat(3_000)}`, /nested deeper than 64/);
  refusedAt(`${'not '.repeat(64)}|not true`, /nested deeper than 64/);
  refusedAt(`cost > ${'-'.repeat(64)}|-1`, /nested deeper than 64/);
  refusedAt(`${'abs('.repeat(64)}abs|(1)`, /nested deeper than 64/);

  parseFilter(`${'1>2||'.repeat(332)}true`);
  assert.match(refusal(`${'1>2||'.repeat(333)}true`).message, /more than 1000 values and operators/);
  parseFilter(`1${'+1'.repeat(62)} > 1`);
  assert.match(refusal(`1${'+1'.repeat(63)} > 1`).message, /nested deeper than 64/);
  parseFilter(`${'(not (true)) and '.repeat(200)}true`);

  const list = (items: number): string => `cost in (1${',1'.repeat(items - 1)})`;
  parseFilter(list(1_000));
  assert.match(refusal(list(1_001)).message, /the list has 1001 items; at most 1000/);

  parseFilter(`true${' '.repeat(4_092)}`);
  assert.match(refusal(`true${' '.repeat(4_093)}`).message, /it has 4097 characters; at most 4096/);
  assert.match(refusal(`state like '${'%a'.repeat(21)}'`).message, /21 times %; at most 20/);
  parseFilter(`state like '${'%a'.repeat(20)}'`);
});

test('characters that are no text are refused', () => {
  refusedAt("state = 'a|\0'", /no text/);
  refusedAt("state = '|\ud800'", /no text/);
  refusedAt("state = '🎧|\udc00'", /no text/);
});
