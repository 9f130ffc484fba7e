/**
 * Chapter 0. A monitor starts on an empty directory: it records the store's format and the store check, and nothing
 * else.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Story } from './story.ts';

test('00 an empty store holds its format and the store check, and the monitor is HEALTHY', async (t) => {
  const story = await Story.begin(t);
  assert.deepEqual(await story.objects(), ['meta/format.json', 'meta/store-check.json']);

  const format = story.read('meta/format.json');
  assert.deepEqual([format.format, format.kind], [1, 'transcription-monitor']);
  assert.equal(story.read('meta/store-check.json').passed, true);

  const { body: health } = await story.http.get('/system/health');
  assert.equal(health.overall_status, 'HEALTHY');
  assert.equal(health.as_of_seq, 0, 'no segment has been written yet');
  assert.deepEqual((await story.http.get('/jobs')).body, { items: [], next_cursor: null });
});

test('00 a restart finds the same journal', async (t) => {
  const story = await Story.begin(t);
  const { journal_id } = story.read('meta/format.json');
  await story.objects();
  assert.equal(story.read('meta/format.json').journal_id, journal_id);
});
