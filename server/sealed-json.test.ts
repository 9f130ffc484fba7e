/** A sealed object reads back as it was written; any damage to it is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSealed, seal, sealFields, unseal } from './sealed-json.ts';

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

test('an object sealed over its fields reads back, and a change of any one byte of its text is found', () => {
  for (const field of ['sha256', 'manifest_sha256']) {
    const bytes = sealFields(VALUE, field);
    assert.deepEqual(readSealed(bytes, field), { value: VALUE, seal: 'intact' });
    for (let at = 0; at < bytes.length - 1; at += 1) {
      for (const change of [1, 0x20, 0x80]) {
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= change;
        const read = readSealed(damaged, field);
        // A damaged field name leaves an object without a hash and with a field too many.
        if (read?.seal === 'absent') assert.equal(Object.keys(read.value).length, FIELDS.length + 1, `byte ${at}`);
        else assert.notEqual(read?.seal, 'intact', `byte ${at}`);
      }
    }
  }
});

test('objects that earlier versions sealed, over their text or over their fields, are intact', () => {
  const overFields =
    '{"journal_id":"J","seq":7,"sha256":"b2da7360a18922970189e109c85a18fa6059608308bc0860b8b5535fe0ac377e"}\n';
  const overText =
    '{\n  "journal_id": "J",\n  "seq": 7,\n  "sha256": "a8b549ee9eb0a8cc159b0b77d8ad1881ce98bbf4a61ae7aa7722b197224da11c"\n}\n';
  for (const text of [overFields, overText]) {
    assert.deepEqual(readSealed(Buffer.from(text)), { value: { journal_id: 'J', seq: 7 }, seal: 'intact' });
    assert.deepEqual(unseal(Buffer.from(text), []), { journal_id: 'J', seq: 7 });
  }
});

test('an object without a hash, and bytes that are no object, are told apart', () => {
  assert.deepEqual(readSealed(Buffer.from('{"seq":7}')), { value: { seq: 7 }, seal: 'absent' });
  for (const text of ['', '7', 'null', '[1]', '{"seq":7']) assert.equal(readSealed(Buffer.from(text)), null, text);
});
