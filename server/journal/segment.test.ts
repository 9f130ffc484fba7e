import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { JournalError } from './errors.ts';
import { decodeSegment, type EncodedSegment, encodeSegment, FORMAT, NO_HASH } from './segment.ts';

const HEADER = {
  journal_id: 'journal-1',
  seq: 7,
  prev: NO_HASH,
  batch_id: 'batch-1',
  instance: 'a',
  url: 'http://a',
  at: 1_767_600_000_000,
};
const LINES = ['{"id":"c1//0","type":"JobQueued"}', '{"id":"c1//1","text":"überall  und \\n"}'];
const EXPECTED = { journal_id: 'journal-1', seq: 7 };

const corrupt = (why: RegExp) => (error: unknown) =>
  error instanceof JournalError &&
  error.kind === 'corrupt' &&
  error.message.includes('journal/00000000000000000007.ndjson') &&
  why.test(error.message);

/** A segment with a changed header and a valid checksum. */
function encodedWith(header: Record<string, unknown>): EncodedSegment {
  return encodeSegment({ ...HEADER, ...header }, LINES);
}

describe('a segment', () => {
  test('decodes to its input, and the hash for the next segment', () => {
    const { bytes, hash } = encodeSegment(HEADER, LINES);
    const segment = decodeSegment(bytes, EXPECTED);
    assert.deepEqual(segment.lines, LINES);
    assert.deepEqual(segment.header, { format: FORMAT, ...HEADER, min_reader: FORMAT, count: 2 });
    assert.equal(segment.hash, hash);
    assert.match(hash, /^[0-9a-f]{64}$/);
  });

  test('may have no events', () => {
    assert.deepEqual(decodeSegment(encodeSegment(HEADER, []).bytes, EXPECTED).lines, []);
  });

  test('is NDJSON: every line is an object, the last one ends with a newline', () => {
    const text = Buffer.from(encodeSegment(HEADER, LINES).bytes).toString();
    assert.ok(text.endsWith('\n'));
    for (const line of text.trimEnd().split('\n')) assert.equal(typeof JSON.parse(line), 'object');
  });

  test('with any one bit changed is reported and refused', () => {
    const { bytes } = encodeSegment(HEADER, LINES);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = new Uint8Array(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => decodeSegment(damaged, EXPECTED), corrupt(/damaged/), `bit ${bit}`);
    }
  });

  test('cut anywhere is reported and refused', () => {
    const { bytes } = encodeSegment(HEADER, LINES);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeSegment(bytes.subarray(0, length), EXPECTED), corrupt(/damaged/), `${length} bytes`);
    }
  });

  test('with a line too many or too few is refused', () => {
    const text = Buffer.from(encodeSegment(HEADER, LINES).bytes).toString();
    assert.throws(() => decodeSegment(Buffer.from(`${text}{}\n`), EXPECTED), corrupt(/checksum/));
    const lines = text.split('\n');
    lines.splice(1, 1);
    assert.throws(() => decodeSegment(Buffer.from(lines.join('\n')), EXPECTED), corrupt(/checksum/));
  });

  test('of another journal is refused', () => {
    const { bytes } = encodedWith({ journal_id: 'journal-2' });
    assert.throws(() => decodeSegment(bytes, EXPECTED), corrupt(/it belongs to journal journal-2/));
  });

  test('of another number is refused', () => {
    assert.throws(() => decodeSegment(encodedWith({ seq: 8 }).bytes, EXPECTED), corrupt(/it is segment 8/));
  });

  test('that is not a segment is refused', () => {
    for (const text of ['', '\n', 'hello\n', '[]\n[]\n', '{}\n{}\n', '{"sha256":1,"count":0}\n']) {
      assert.throws(() => decodeSegment(Buffer.from(text), EXPECTED), corrupt(/damaged/), JSON.stringify(text));
    }
  });
});
