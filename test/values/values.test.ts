/**
 * Any value that a schema accepts makes every document of every subject. More histories: `node test/values/main.ts
 * --histories 100000`.
 */
import { test } from 'node:test';
import { runHistory } from './history.ts';

test('any value that a schema accepts makes every document of every subject fit its schema, live and restored alike', () => {
  for (let seed = 1; seed <= 400; seed++) runHistory(seed);
});
