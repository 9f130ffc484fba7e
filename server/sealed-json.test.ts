/** A sealed object reads back as it was written; any damage to it is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seal, unseal } from './sealed-json.ts';

const VALUE = { text: 'Grüße, "sha256": "x"}', size: 3, parts: [{ sha256: 'a'.repeat(64) }] };
const FIELDS = ['text', 'size', 'parts'];

test('a sealed object reads back as it was written, indented or not', () => {
  for (const indent of [0, 2]) {
    assert.deepEqual(unseal(seal(VALUE, indent), []), VALUE);
    assert.equal((JSON.parse(seal(VALUE, indent).toString()) as { size: number }).size, 3, 'it is plain JSON');
  }
});

test('a change of any one byte is found, and so is a cut at any place', () => {
  for (const indent of [0, 2]) {
    const bytes = seal(VALUE, indent);
    for (let at = 0; at < bytes.length; at += 1) {
      for (const change of [1, 0x20, 0x80]) {
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= change;
        // Spaces and line ends after the hash mean nothing and may read as others.
        const read = unseal(damaged, FIELDS);
        if (read !== undefined) assert.deepEqual(read, VALUE, `byte ${at}`);
        if (at < bytes.length - 5) assert.equal(read, undefined, `byte ${at}`);
      }
      if (at < bytes.length - 2) assert.equal(unseal(bytes.subarray(0, at), FIELDS), undefined, `cut at ${at}`);
    }
  }
});

test('an object of a version without seals is read, if it has the fields of that version only', () => {
  const bytes = Buffer.from(`${JSON.stringify(VALUE)}\n`);
  assert.deepEqual(unseal(bytes, FIELDS), VALUE);
  assert.equal(unseal(bytes, ['text', 'size']), undefined);
  assert.equal(unseal(Buffer.from('"text"'), FIELDS), undefined);
});
