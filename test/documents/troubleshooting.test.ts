/** docs/troubleshooting.md quotes the texts of errors: each is in the source. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = '{sdk/typescript,sdk/python/src,cli,agent,server/api,server/access,server/uploads}/**/*.{ts,py}';
/** The column of the texts: the hints of statuses are in the second. */
const QUOTES: Record<string, number> = { text: 0, hint: 1 };
/** They tell nothing by themselves. */
const SHORT = 5;

test('every text that docs/troubleshooting.md quotes is in the source', () => {
  const source = globSync(SOURCES, { cwd: ROOT, exclude: (name) => name === 'node_modules' })
    .filter((name) => !/\btest/.test(name))
    .map((name) => readFileSync(join(ROOT, name), 'utf8'))
    .join('\n');
  const texts = quoted(readFileSync(join(ROOT, 'docs/troubleshooting.md'), 'utf8'));
  assert.ok(texts.length > 30, `${texts.length}`);
  const parts = texts.flatMap((text) => text.split('…').map((part) => part.replace(/^[\s:]+|[\s:]+$/g, '')));
  const missing = parts.filter((part) => part.length >= SHORT && !source.includes(part));
  assert.deepEqual(missing, []);
});

/** The code in the column of texts of each table; tables without one are not ours. */
function quoted(page: string): string[] {
  let column: number | undefined;
  return page.split('\n').flatMap((line) => {
    const cells = line.split('|').slice(1, -1);
    if (cells.length === 0) column = undefined;
    else if (column === undefined) {
      const found = cells.findIndex((cell) => cell.trim() in QUOTES);
      column = found;
    } else if (column >= 0) return [...(cells[column] ?? '').matchAll(/`([^`]+)`/g)].map(([, text]) => text!);
    return [];
  });
}
