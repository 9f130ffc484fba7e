/** Keys to what they mean. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyAction } from './keys.ts';

const typed = (key: string, more = {}) => ({ key, ctrl: false, meta: false, alt: false, typing: false, ...more });

test('g and the key of a page go to the page', () => {
  const { prefix, action } = keyAction(typed('g'), null);
  assert.deepEqual([prefix, action], ['g', null]);
  assert.deepEqual(keyAction(typed('j'), prefix).action, { type: 'go', key: 'j' });
});

test('single keys search, move, select and help', () => {
  const types = ['/', '?', 'j', 'k', 'x', 'o', 'q'].map((key) => keyAction(typed(key), null).action?.type);
  assert.deepEqual(types, ['search', 'help', 'next', 'previous', 'select', 'open', undefined]);
});

test('nobody who types text is interrupted, except by the palette', () => {
  for (const key of ['/', 'g', 'j', '?']) assert.equal(keyAction(typed(key, { typing: true }), null).action, null);
  for (const held of [{ ctrl: true }, { meta: true }]) {
    assert.deepEqual(keyAction(typed('k', { typing: true, ...held }), null).action, { type: 'palette' });
  }
});

test('keys of the browser are left to it', () => {
  for (const key of ['g', 'j', '/', 'constructor'])
    assert.equal(keyAction(typed(key, { ctrl: true }), 'g').action, null);
});
