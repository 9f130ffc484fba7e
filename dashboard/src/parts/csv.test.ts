/** CSV files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvText } from './csv.ts';

test('cells are quoted where that is needed, unknown values are empty, and no cell is a formula', () => {
  const columns = [
    { name: 'name', value: ({ name }: { name: string | null }) => name },
    { name: 'length', value: ({ name }: { name: string | null }) => name?.length },
  ];
  const rows = [{ name: 'plain' }, { name: 'a "b", c' }, { name: null }, { name: '=1+1' }];
  assert.equal(csvText(columns, rows), 'name,length\r\nplain,5\r\n"a ""b"", c",8\r\n,\r\n\'=1+1,4\r\n');
});
