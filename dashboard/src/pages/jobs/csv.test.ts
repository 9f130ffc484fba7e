/** Lists as CSV. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobOf } from '../../testing.ts';
import { csvOf } from './csv.ts';

const named = (s3_path: string) => jobOf({ input: { ...jobOf().input, s3_path } });

test('a cell with a comma, a quote or a line break is quoted', () => {
  const columns = [
    { key: 'tags', text: () => 'a,"b"\nc' },
    { key: 'cost', text: () => 0.5 },
    { key: 'worker', text: () => null },
  ];
  assert.equal(
    csvOf([named('s3://audio/x/one.mp3')], columns),
    'file,url,tags,cost,worker\r\none.mp3,s3://audio/x/one.mp3,"a,""b""\nc",0.5,\r\n',
  );
});

test('a name that a spreadsheet would run is text', () => {
  for (const name of ['=1+1.mp3', '+a.mp3', '-a.mp3', '@a.mp3']) {
    assert.match(
      csvOf([named(`s3://audio/${name}`)], []),
      new RegExp(`^file,url\r\n'${name.replace(/[+.]/g, '\\$&')},`),
    );
  }
});
