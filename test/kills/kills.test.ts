/** Ten kills in each language; `node test/kills/main.ts` has two hundred, some of them a second after the report. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killWorkers } from './kills.ts';

for (const language of ['typescript', 'python'] as const) {
  test(`${language}: a failure that was reported before a kill arrives, at the latest after the worker's next start`, async (t) => {
    const killed = await killWorkers(t, { language, kills: 10, moments: ['at once', 'told'] });
    assert.equal(killed.length, 10);
    assert.deepEqual(
      killed.filter(({ arrived }) => !arrived),
      [],
    );
    assert.deepEqual(
      killed.filter(({ system, arrivedBefore }) => system === 'log:' && !arrivedBefore),
      [],
      'a line of a log is written in the call',
    );
  });
}
