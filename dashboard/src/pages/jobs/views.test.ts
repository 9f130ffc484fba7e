/** Saved views and columns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseColumns, chosenColumns, removeView, savedViews, saveView } from './views.ts';

function storage(initial: Record<string, string> = {}) {
  const values = new Map(Object.entries(initial));
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  };
}

test('a view is kept under its name until it is removed', () => {
  const store = storage();
  saveView(store, { name: 'failed', query: 'state=FAILED' });
  saveView(store, { name: 'failed', query: 'state=FAILED&within=6h' });
  assert.deepEqual(savedViews(store), [{ name: 'failed', query: 'state=FAILED&within=6h' }]);
  assert.deepEqual(removeView(store, 'failed'), []);
});

test('columns keep their order, and those that no longer exist are dropped', () => {
  const store = storage();
  assert.deepEqual(chosenColumns(store, ['a', 'b', 'c'], ['a']), ['a']);
  chooseColumns(store, ['c', 'old', 'b']);
  assert.deepEqual(chosenColumns(store, ['a', 'b', 'c'], ['a']), ['b', 'c']);
});

test('a browser that keeps nothing, or something else, is no error', () => {
  const refusing = {
    getItem: () => null,
    setItem: () => {
      throw new Error('quota');
    },
  };
  assert.equal(saveView(refusing, { name: 'a', query: 'b' }).length, 1);
  for (const text of ['{', '7', '[1,{"name":2}]'])
    assert.deepEqual(savedViews(storage({ 'tmon.jobs.views': text })), []);
});
