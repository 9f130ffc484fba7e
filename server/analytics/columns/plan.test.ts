/** Which column files are written next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import type { ColumnFile, PackRecord } from '../../state-machine/state/records.ts';
import { State } from '../../state-machine/state/state.ts';
import { planColumns } from './plan.ts';

const NOW_MS = 20_276 * DAY_MS + 12 * HOUR_MS;
const TODAY = 20_276;

function stateWith({ packs = [], files = [], strays = [] }: Parts): State {
  const state = new State();
  for (const pack of packs) state.tables.packs.set(pack.key, pack);
  for (const file of files) state.tables.column_files.set(file.name, file);
  for (const [job_id, day] of strays) state.tables.column_strays.set(job_id, day);
  return state;
}
type Parts = { packs?: PackRecord[]; files?: ColumnFile[]; strays?: [string, number][] };

let names = 0;
const pack = (count: number, age_ms: number, more: Partial<PackRecord> = {}): PackRecord => {
  const key = `pack-${names++}`;
  const times = { first_ms: NOW_MS, last_ms: NOW_MS, first_ordinal: 1, last_ordinal: 2 };
  return {
    key,
    sha256: '',
    ...times,
    count,
    seq: 1,
    archived_ms: NOW_MS - age_ms,
    stale: [],
    in_columns: false,
    ...more,
  };
};
const file = (day: number, rows: number): ColumnFile => {
  const name = `file-${names++}`;
  return { name, day, rows, sha256: { job_states: name, job_attempts: name } };
};
const plan = (parts: Parts) => planColumns(stateWith(parts), NOW_MS);

test('archived jobs wait until there are 5,000 or an hour has passed', () => {
  assert.equal(plan({ packs: [pack(500, 59 * MINUTE_MS), pack(4_499, MINUTE_MS)] }), null);
  assert.equal(plan({ packs: [pack(500, 0), pack(4_500, 0)] })?.packs.length, 2);
  assert.equal(plan({ packs: [pack(1, HOUR_MS)] })?.packs.length, 1);
  assert.equal(plan({ packs: [pack(9_000, HOUR_MS, { in_columns: true })] }), null);
  assert.equal(plan({ packs: [pack(5_000, 0, { stale: ['job-1'] })] }), null, 'a stale row is none');
});

test('a turn takes the oldest packs, of 50,000 jobs at most, and at least one', () => {
  const packs = [pack(30_000, 1), pack(30_000, 3), pack(15_000, 2)];
  assert.deepEqual(
    plan({ packs })?.packs.map(({ count }) => count),
    [30_000, 15_000],
  );
  assert.equal(plan({ packs: [pack(80_000, 1)] })?.packs.length, 1);
});

test('strays come first: all files of their days, a few days at a time', () => {
  const files = [file(1, 10), file(1, 20), file(2, 30)];
  const all = plan({
    packs: [pack(5_000, 0)],
    files,
    strays: [
      ['job-1', 1],
      ['job-2', 1],
    ],
  });
  assert.deepEqual([all?.packs, all?.rewrite.map(({ day }) => day), all?.strays], [[], [1, 1], ['job-1', 'job-2']]);
  const many = plan({ strays: Array.from({ length: 20 }, (_, day): [string, number] => [`job-${day}`, day]) });
  assert.equal(many?.strays.length, 8);
});

test('eight files of a size are merged; after the day is over all small ones are', () => {
  const rowsOf = (parts: Parts) =>
    plan(parts)
      ?.rewrite.map(({ rows }) => rows)
      .sort((a, b) => a - b);
  const seven = Array.from({ length: 7 }, () => file(TODAY, 5_000));
  assert.equal(rowsOf({ files: seven }), undefined);
  assert.equal(rowsOf({ files: [...seven, file(TODAY, 60_000)] }), undefined, 'the eighth is of another size');
  assert.equal(rowsOf({ files: [...seven, file(TODAY, 6_000)] })?.length, 8);
  const yesterday = [file(TODAY - 1, 10), file(TODAY - 1, 90_000), file(TODAY - 1, 500_000)];
  assert.deepEqual(rowsOf({ files: yesterday }), [10, 90_000]);
  assert.equal(
    rowsOf({ files: [file(TODAY - 1, 10), file(TODAY - 1, 500_000)] }),
    undefined,
    'a late row rewrites no large file',
  );
});

test('however many jobs a day has, each row is written a few times and few files are left', () => {
  const state = new State();
  let written = 0;
  for (let n = 0; n < 400; n++) {
    state.tables.column_files.set(`file-${names}`, file(TODAY, 5_000));
    written += 5_000;
    for (let due = planColumns(state, NOW_MS); due; due = planColumns(state, NOW_MS)) {
      const rows = due.rewrite.reduce((sum, one) => sum + one.rows, 0);
      for (const { name } of due.rewrite) state.tables.column_files.delete(name);
      const merged = file(TODAY, rows);
      state.tables.column_files.set(merged.name, merged);
      written += rows;
    }
  }
  assert.ok(written <= 4 * 400 * 5_000, `${written} rows written for ${400 * 5_000}`);
  assert.ok(state.tables.column_files.size <= 24, `${state.tables.column_files.size} files`);
});
