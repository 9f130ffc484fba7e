import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { formatKey, formatPass, KEY_ID_PATTERN, KEY_LIKE, newKeyId, newKeySecret, parseKey, parsePass } from './key.ts';

const made = () => ({ id: newKeyId(randomBytes), secret: newKeySecret(randomBytes) });

test('a key is parsed into the parts that it was made of', () => {
  for (let round = 0; round < 2_000; round++) {
    const parts = made();
    const text = formatKey(parts);
    assert.match(text, /^tmk_[0-9A-Za-z]{11}_[0-9A-Za-z]{33}$/);
    assert.match(parts.id, new RegExp(KEY_ID_PATTERN));
    assert.deepEqual(parseKey(text), parts);
    assert.deepEqual([parsePass(formatPass(parts)), parsePass(text), parseKey(formatPass(parts))], [parts, null, null]);
    assert.equal(`a ${text}. b`.replace(KEY_LIKE, '…'), 'a …. b');
  }
});

test('a key with any character changed, left out, added or exchanged is not a key', () => {
  const text = formatKey(made());
  for (let at = 0; at < text.length; at++) {
    const changed = text[at] === 'a' ? 'b' : 'a';
    const wrong = [
      text.slice(0, at) + changed + text.slice(at + 1),
      text.slice(0, at) + text.slice(at + 1),
      `${text.slice(0, at)}${changed}${text.slice(at)}`,
    ];
    const next = text[at + 1];
    if (next !== undefined && next !== text[at]) wrong.push(text.slice(0, at) + next + text[at] + text.slice(at + 2));
    for (const one of wrong) assert.equal(parseKey(one), null, one);
  }
});

test('the secret has all of its 160 bits, and the id its 64', () => {
  const bytes = (value: number) => (count: number) => new Uint8Array(count).fill(value);
  assert.equal(newKeySecret(bytes(0)), '0'.repeat(27));
  assert.notEqual(
    newKeySecret(bytes(255)),
    newKeySecret((count) => new Uint8Array(count).fill(255).fill(254, 0, 1)),
  );
  assert.equal(new Set([0, 1, 128, 255].map((value) => newKeySecret(bytes(value)))).size, 4);
  assert.equal(newKeyId(bytes(255)).length, 11);
});

test('text from anywhere is no key and no error', () => {
  for (const text of [
    '',
    'tmk_',
    'tmk__',
    'x',
    'Bearer y',
    `tmk_${'a'.repeat(11)}_${'a'.repeat(33)}`,
    '\u0000',
    'ſ'.repeat(50),
  ])
    assert.equal(parseKey(text), null);
});
