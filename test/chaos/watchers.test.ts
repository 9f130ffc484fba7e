/** No watcher misses or repeats an event, whichever process dies. `watchers-main.ts` does the same, larger. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWatchers } from './watchers.ts';

test('[I11] 100 watchers through 10 kills, of the server and of their connections, miss and repeat nothing', {
  timeout: 900_000,
}, async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  const { events, received, cuts } = await runWatchers(t, { watchers: 100, kills: 5, seed });
  t.diagnostic(`${events} events, ${received} received, ${cuts} connections cut`);
  assert.ok(events > 500 && received > events && cuts > 50, `${events} events, ${received} received, ${cuts} cut`);
});
