/** docs/engines.md says of every engine and option what the table says, which `tmon worker --help` shows. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ENGINE_CHOICES, ENGINE_OPTIONS, enginesOf } from './engine-options.ts';

const PAGE = readFileSync(new URL('../../docs/engines.md', import.meta.url), 'utf8');

/** The rows of the table with these heads, without markup. */
function rowsOf(heads: string): string[][] {
  const [, rows = ''] = PAGE.split(`${heads}\n`)[1]?.match(/^\|[-|]+\|\n((?:\|.*\n)+)/) ?? [];
  const plain = rows.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('`', '');
  return plain
    .trimEnd()
    .split('\n')
    .map((row) => row.slice(2, -2).split(' | '));
}

test('the options of engines', () => {
  const documented = rowsOf('| option | of | what it means | default |');
  assert.deepEqual(
    documented,
    ENGINE_OPTIONS.map((option) => [option.name, enginesOf(option), option.meaning, option.default]),
  );
});

test('the engines', () => {
  assert.deepEqual(
    rowsOf('| | |'),
    Object.values(ENGINE_CHOICES).map((row) => [...row]),
  );
});
