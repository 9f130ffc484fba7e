/** Chapter 9. The journal has every event, in order, chained; every other document can be rebuilt from it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { rebuildAt } from '../../server/main.ts';
import { readJournalOf } from '../chaos/read-journal.ts';
import { Story } from './story.ts';

const VIEWS = ['jobs', 'workers', 'queues', 'alerts', 'system', 'metrics'];

async function aWholeLife(story: Story): Promise<string> {
  const { job_id } = await story.submit();
  await story.complete(await story.claim());
  await story.submit('OTHER');
  await story.fail(await story.claim(), false);
  await story.submit('WAITING');
  return job_id;
}

test('09 [A1] [A2] the journal has the job’s life, one event after the other', async (t) => {
  const story = await Story.begin(t);
  const job_id = await aWholeLife(story);
  await story.stop();
  const life = (await readJournalOf(story.directory)).filter(({ entity }) => entity === job_id);
  assert.deepEqual(
    life.map(({ type }) => type),
    ['JobSubmitted', 'JobQueued', 'JobAssigned', 'JobCompleted'],
  );
  for (const event of life) assert.deepEqual(Object.keys(event), ['id', 'type', 'at', 'actor', 'entity', 'data']);
});

test('09 every view can be deleted and is rebuilt byte for byte', async (t) => {
  const story = await Story.begin(t);
  await aWholeLife(story);
  await story.objects();
  await story.stop();
  const before = contentOf(story.directory);
  for (const folder of VIEWS) rmSync(join(story.directory, folder), { recursive: true, force: true });
  await rebuildAt(story.settings);
  assert.deepEqual(contentOf(story.directory), before);
});

test('09 a changed byte in the journal is detected', async (t) => {
  const story = await Story.begin(t);
  await aWholeLife(story);
  await story.stop();
  const [first] = readdirSync(join(story.directory, 'journal')).sort();
  const path = join(story.directory, 'journal', first!);
  writeFileSync(path, readFileSync(path, 'utf8').replace('JobSubmitted', 'JobSubmitteD'));
  await assert.rejects(
    readJournalOf(story.directory),
    /00000000000000000001\.ndjson is damaged: its checksum is wrong/,
  );
});

function contentOf(directory: string): Record<string, string> {
  const files = VIEWS.filter((folder) => readdirSync(directory).includes(folder)).flatMap((folder) =>
    readdirSync(join(directory, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  return Object.fromEntries(files.sort().map((path) => [path, readFileSync(path, 'utf8')]));
}
