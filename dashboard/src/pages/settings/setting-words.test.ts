/** Settings as they are shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings, shownSettings } from '../../../../server/config.ts';
import { isChosen, SECTIONS, sectionOf, shownValue } from './setting-words.ts';

test('values have the unit of their name', () => {
  assert.equal(shownValue('lease_ms', 60_000), '1 m');
  assert.equal(shownValue('soft_linger_ms', 20), '20 ms');
  assert.equal(shownValue('upload_bytes_max', 2_000_000_000), '2.0 GB');
  assert.equal(shownValue('job_views_days', 30), '30 days');
  assert.equal(shownValue('tail_poll_ms', null), 'by the store');
  assert.equal(shownValue('notify', ''), 'none');
  assert.equal(shownValue('reconcile_ms', 0), '0 s');
});

test('every setting of the monitor has a section, and none is chosen by default', () => {
  const settings = shownSettings(readSettings({}, {}));
  assert.deepEqual(settings.filter(isChosen), []);
  const used = new Set(settings.map(sectionOf));
  for (const section of SECTIONS) assert.ok(used.has(section), section);
  assert.equal(sectionOf({ name: 'finished_window_ms' }), 'Retention');
});
