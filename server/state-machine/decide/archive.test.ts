/** What may be forgotten because the archive has it, and how packs and shards take each other's place in the fold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../../../protocol/sighting.ts';
import { HOUR_MS } from '../../../protocol/time.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { forgetJobs, Monitor, observation, packNamed, typesOf } from '../testing.ts';

/** Jobs that have ended, in memory. */
function ended(...ids: string[]): Monitor {
  const monitor = new Monitor();
  for (const id of ids) {
    monitor.submit(id);
    monitor.run({ type: 'cancel_job', job_id: id });
  }
  return monitor;
}

const basis = ({ state, at_ms }: Monitor) => ({ basis_seq: state.scalars.archive_seq, made_ms: at_ms });

const packedRecently = ({ state }: Monitor) => Object.fromEntries(state.tables.packed_recently.entries());

test('a pack is taken whole or not at all', () => {
  const monitor = ended('job-1', 'job-2');
  const forget = forgetJobs([monitor.job('job-1'), monitor.job('job-2')], monitor.at_ms);
  monitor.run({ type: 'retry_job', job_id: 'job-2' });
  assert.deepEqual(typesOf(monitor.run(forget)), []);
  assert.ok(monitor.state.job('job-1'));
  assert.deepEqual(typesOf(monitor.run(forgetJobs([monitor.job('job-1')], monitor.at_ms))), ['JobsArchived']);
  assert.equal(monitor.state.tables.packs.size, 1);
});

test('an object that was made more than an hour ago is not named any more, for it may have been swept', () => {
  const monitor = ended('job-1');
  const made_ms = monitor.at_ms;
  monitor.later(HOUR_MS + 1);
  assert.deepEqual(typesOf(monitor.run(forgetJobs([monitor.job('job-1')], made_ms))), []);
  assert.deepEqual(typesOf(monitor.run(forgetJobs([monitor.job('job-1')], made_ms + 1))), ['JobsArchived']);
  const late = { basis_seq: 0, made_ms };
  const [key] = monitor.state.tables.packs.keys();
  const pack = { type: 'pack_archived', ...late, pack: packNamed(), job_ids: ['job-1'], replaces: [key!] } as const;
  assert.deepEqual(typesOf(monitor.run(pack)), []);
  assert.deepEqual(typesOf(monitor.run({ type: 'index_archive', ...late, packs: [key!], shards: [] })), []);
});

test('of two that move archived jobs at once the second is dropped', () => {
  const monitor = ended('job-1', 'job-2');
  for (const id of ['job-1', 'job-2']) monitor.run(forgetJobs([monitor.job(id)], monitor.at_ms));
  const replaces = [...monitor.state.tables.packs.keys()];
  const merge = () => ({ type: 'pack_archived', ...basis(monitor), job_ids: ['job-1', 'job-2'], replaces }) as const;
  const [one, two] = [
    { ...merge(), pack: packNamed() },
    { ...merge(), pack: packNamed() },
  ];
  assert.deepEqual(typesOf(monitor.run(one)), ['ArchivePacked']);
  assert.deepEqual(typesOf(monitor.run(two)), []);
  assert.deepEqual([...monitor.state.tables.packs.keys()], [one.pack.key]);
  assert.deepEqual(packedRecently(monitor), { 'job-1': one.pack.key, 'job-2': one.pack.key });
  const index = { type: 'index_archive', ...basis(monitor), packs: [one.pack.key] } as const;
  const shard = { first: '', key: 'archive/index/1.json', sha256: 'x', count: 2 };
  assert.deepEqual(typesOf(monitor.run({ ...index, shards: [shard] })), ['ArchiveIndexed']);
  assert.deepEqual(typesOf(monitor.run({ ...index, shards: [{ ...shard, key: 'archive/index/2.json' }] })), []);
  assert.deepEqual(packedRecently(monitor), {});
  assert.deepEqual([...monitor.state.tables.archive_shards.values()], [shard]);
});

test('jobs that another instance has repacked meanwhile are not packed once more', () => {
  const monitor = new Monitor();
  const repack = { type: 'pack_archived', ...basis(monitor), job_ids: ['job-1'], replaces: [] } as const;
  const pack = packNamed();
  assert.deepEqual(typesOf(monitor.run({ ...repack, pack })), ['ArchivePacked']);
  assert.deepEqual(typesOf(monitor.run({ ...repack, pack: packNamed() })), []);
  assert.deepEqual([...monitor.state.tables.packs.keys()], [pack.key]);
});

test('column files are named once: for packs that have none, against the fold that their author saw, with every stray', () => {
  const monitor = new Monitor();
  const ended_at = (job_id: string, ended_ms: number): Sighting => {
    return { ...NOTHING_KNOWN, job_id, state: 'COMPLETED', told_ms: ended_ms, ended_ms };
  };
  monitor.run(observation('log:/a', [ended_at('job-1', monitor.at_ms), ended_at('job-2', monitor.at_ms)]));
  const job = monitor.job('job-1');
  const forgotten = forgetJobs([job, monitor.job('job-2')], monitor.at_ms);
  monitor.run(forgotten);
  const pack = forgotten.packs[0]!.pack.key;
  const file = (name: string) => ({ name, day: 20_276, rows: 2, sha256: { job_states: name, job_attempts: name } });
  const write = () => {
    return {
      type: 'write_columns' as const,
      ...basis(monitor),
      packs: [pack],
      files: [file('f1')],
      replaces: [] as string[],
      strays: [] as string[],
    };
  };
  const late = write();
  assert.deepEqual(typesOf(monitor.run({ ...write(), made_ms: monitor.at_ms - 2 * HOUR_MS })), []);
  assert.deepEqual(typesOf(monitor.run({ ...write(), replaces: ['f0'] })), []);
  assert.deepEqual(typesOf(monitor.run({ ...write(), packs: ['another'] })), []);
  assert.deepEqual(typesOf(monitor.run(write())), ['ColumnsWritten']);
  assert.deepEqual(typesOf(monitor.run(late)), [], 'another was faster');
  assert.deepEqual(typesOf(monitor.run(write())), [], 'they have rows already');

  // A job whose row is in a file returns: until that row is dropped, no file is written that could repeat it.
  const again = observation('log:/a', [{ ...ended_at('job-1', monitor.at_ms), s3_path: 's3://t/1.json' }]);
  monitor.run({ ...again, archived: [['job-1', { job, pack }]] });
  assert.deepEqual([...monitor.state.tables.column_strays.entries()], [['job-1', 20_276]]);
  monitor.run(forgetJobs([monitor.job('job-1')], monitor.at_ms));
  monitor.state = restore(snapshotRows(monitor.state));
  const later = [...monitor.state.tables.packs.keys()].filter((key) => key !== pack);
  const next = { ...write(), files: [file('f2')], replaces: ['f1'] };
  assert.deepEqual(typesOf(monitor.run({ ...next, packs: later })), []);
  assert.deepEqual(typesOf(monitor.run({ ...next, packs: [], strays: ['job-2'] })), []);
  assert.deepEqual(typesOf(monitor.run({ ...next, packs: later, strays: ['job-1'] })), ['ColumnsWritten']);
  const { tables } = restore(snapshotRows(monitor.state));
  assert.deepEqual([[...tables.column_files.keys()], tables.column_strays.size], [['f2'], 0]);
  assert.equal(tables.packs.get(pack)?.in_columns, true);
});

test('jobs of a snapshot from before there were packs are objects of their own until they are repacked', () => {
  const rows = [...snapshotRows(new Monitor().state)].map((row) => {
    if (!row.startsWith('["scalars"')) return row;
    const [name, { loose_jobs: _, archive_seq: __, ...scalars }] = JSON.parse(row) as [string, Record<string, number>];
    return JSON.stringify([name, { ...scalars, archived_jobs: 7 }]);
  });
  const monitor = new Monitor();
  monitor.state = restore(rows);
  assert.equal(monitor.state.scalars.loose_jobs, 7);
  assert.deepEqual(typesOf(monitor.run({ type: 'end_repacking', loose_jobs: 6 })), []);
  assert.deepEqual(typesOf(monitor.run({ type: 'end_repacking', loose_jobs: 7 })), ['ArchiveRepacked']);
  assert.equal(monitor.state.scalars.loose_jobs, 0);
});
