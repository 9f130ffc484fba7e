/** No watcher misses or repeats an event, whichever process dies. `watchers-main.ts` does the same, larger. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extent } from '../thorough.ts';
import { runWatchers } from './watchers.ts';

const WATCHERS = extent(100, 40);
const KILLS = extent(5, 3);

test(`[I11] ${WATCHERS} watchers through ${2 * KILLS} kills, of the server and of their connections, miss and repeat nothing`, {
  timeout: 900_000,
}, async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  const { events, received, cuts } = await runWatchers(t, { watchers: WATCHERS, kills: KILLS, seed });
  t.diagnostic(`${events} events, ${received} received, ${cuts} connections cut`);
  assert.ok(
    events > extent(500, 200) && received > events && cuts > extent(50, 5),
    `${events} events, ${received} received, ${cuts} cut`,
  );
});
