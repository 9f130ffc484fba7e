/** Positions in a log file, as text that is kept between two readings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPosition, parsePosition } from './position.ts';

test('a position survives as text, with inodes of up to 64 bits', () => {
  for (const inode of ['1', '9007199254740993', '18446744073709551615']) {
    const position = { inode, offset: 123_456_789_012, head_bytes: 1024, head_crc: 4_294_967_295 };
    for (const tail of [
      { tail_bytes: 0, tail_crc: 0 },
      { tail_bytes: 256, tail_crc: 1 },
    ]) {
      assert.deepEqual(parsePosition(formatPosition({ ...position, ...tail })), { ...position, ...tail });
    }
  }
});

test('a position that an earlier version wrote is read', () => {
  assert.deepEqual(parsePosition('5767297:1032:1024:3826467364'), {
    inode: '5767297',
    offset: 1032,
    head_bytes: 1024,
    head_crc: 3_826_467_364,
    tail_bytes: 0,
    tail_crc: 0,
  });
});

test('other text is no position', () => {
  for (const text of [
    null,
    undefined,
    '',
    '1:2:3',
    'a:1:2:3',
    '1:2:3:4:5',
    '1:2:3:4:5:6:7:8',
    '184467440737095516150:1:2:3',
  ])
    assert.equal(parsePosition(text), null);
});
