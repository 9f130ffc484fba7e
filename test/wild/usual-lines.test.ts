/** The reader of usual lines beside the general one, on the lines of the collection and on pieces of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLogLines } from '../../protocol/log-line.ts';
import { type LogTimeOptions, readZoned } from '../../protocol/log-time.ts';
import { readUsual } from '../../protocol/log-usual.ts';
import { Chance } from '../simulation/chance.ts';
import { eachWild } from './wild.ts';

const NOW_MS = Date.now();
const OPTIONS: LogTimeOptions[] = [{ now_ms: NOW_MS }, { now_ms: NOW_MS, zone: -300 }];

/** Returns whether it is a usual line: then the event and whether it has a zone are what the general reader finds. */
function isReadAlike(line: Buffer): boolean {
  const text = `${line.toString('latin1')}\nJOB_ TRANSCRIPTION_EVENT {`;
  const event = text.indexOf('JOB_');
  const at = (words: string, from = 0) => (text.indexOf(words, from) + text.length + 1) % (text.length + 1);
  const marks = { event, next: at('JOB_', event + 4), marker: at('TRANSCRIPTION_EVENT'), brace: at('{') };
  let usual = false;
  for (const options of OPTIONS) {
    const where = { text, start: 0, end: line.length, ...marks, parenthesis: at('('), escape: at('\u001b') };
    const fast = readZoned(() => readUsual(where, options));
    if (fast.value === null) continue;
    usual = true;
    const general = readZoned(() => parseLogLines(line.toString('utf8'), options));
    assert.deepEqual({ value: [fast.value], hasZone: fast.hasZone }, general, line.toString('utf8'));
  }
  return usual;
}

test('a usual line is read as the general reader reads it, in every log of the collection', () => {
  const lines: Buffer[] = [];
  let usual = 0;
  for (const { files } of eachWild(NOW_MS)) {
    for (const { bytes } of files) {
      for (const line of bytes.toString('latin1').split('\n')) lines.push(Buffer.from(line, 'latin1'));
    }
  }
  for (const line of lines) if (isReadAlike(line)) usual += 1;
  assert.ok(usual > 500, `${usual} of ${lines.length} lines`);

  const chance = new Chance(1);
  const ours = lines.filter((line) => line.includes('JOB_') && line.length < 1000);
  let pieced = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const [head, tail] = [chance.pick(ours), chance.pick(ours)];
    // At a character that both have, so that many pieces are nearly usual.
    const cut = chance.whole(0, head.length - 1);
    const joint = tail.indexOf(head[cut]!, chance.whole(0, tail.length - 1));
    const line = joint === -1 ? head.subarray(0, cut) : Buffer.concat([head.subarray(0, cut), tail.subarray(joint)]);
    if (line.includes('JOB_') && isReadAlike(line)) pieced += 1;
  }
  assert.ok(pieced > 1000, `${pieced} pieced lines`);
});
