import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import type { FileRecall } from './file-recall.ts';
import { CheckMemory } from './memory.ts';

const TOLD_MS = Date.UTC(2026, 0, 1);
const SOURCE = 'dir:/status';

const sighting = (state: Sighting['state'], more: Partial<Sighting> = {}): Sighting => ({
  job_id: 'job-1',
  state,
  told_ms: TOLD_MS,
  ...NOTHING_KNOWN,
  worker_id: 'worker-1',
  started_ms: TOLD_MS - 60_000,
  ...more,
});

const runs = sighting('PROCESSING', { percentage: 45, stage: 'TRANSCRIBING' });
const failed = sighting('FAILED', { ended_ms: TOLD_MS, error: 'GPU out of memory' });
const done = sighting('COMPLETED', { ended_ms: TOLD_MS, reported_id: 'a b.mp3' });
const UNREADABLE = { why: 'it is empty', half_written: true };

function assertKept(recall: FileRecall): void {
  assert.deepEqual(recall.get('runs', 'v1'), runs);
  assert.deepEqual(recall.get('failed', 'v1'), failed);
  assert.deepEqual(recall.get('done', 'v1'), done);
  assert.equal(recall.get('done', 'v2'), undefined);
  assert.deepEqual(recall.get('half', 'v2'), UNREADABLE);
  assert.deepEqual(recall.last('half'), done);
}

test('results of files are the same in the next run, of a completed job what a check needs', async (t) => {
  const path = join(temporaryDirectory(t), 'state.json');
  const memory = new CheckMemory();
  const recall = memory.recall(SOURCE);
  recall.set('runs', 'v1', runs);
  recall.set('failed', 'v1', failed);
  recall.set('done', 'v1', { ...done, duration: 1200, s3_path: 's3://transcripts/a' });
  recall.set('half', 'v1', done);
  recall.set('half', 'v2', UNREADABLE);
  assertKept(recall);
  recall.forget(TOLD_MS);
  await memory.save(path);
  const loaded = await CheckMemory.load(path);
  assertKept(loaded.recall(SOURCE));
  assert.equal(loaded.recall(SOURCE).complete_ms, TOLD_MS);

  // As version 0.1.0 wrote it.
  const file = JSON.parse(readFileSync(path, 'utf8'));
  delete file.files;
  const remembered = (one: Sighting) => ({ version: 'v1', sighting: one });
  file.recalls = {
    [SOURCE]: {
      runs: remembered(runs),
      failed: remembered(failed),
      done: remembered({ ...done, duration: 1200 }),
      half: { version: 'v2', sighting: done, unreadable: UNREADABLE },
    },
  };
  writeFileSync(path, JSON.stringify(file));
  assertKept((await CheckMemory.load(path)).recall(SOURCE));
});
