/** Links between the pages of the documentation, and from them to files. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = globSync('{*.md,docs/**/*.md,sdk/*/README.md,examples/**/README.md}', {
  cwd: ROOT,
  exclude: ['**/node_modules/**'],
}).sort();

/** Code is no link, and no heading: a comment in a shell script begins with a number sign too. */
const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, 'code');

/** As GitHub makes them; a heading that stands twice has a number, which no page uses. */
function anchorsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

test('every link of a page leads to a file of the repository, and to a heading in it', () => {
  assert.ok(PAGES.includes('docs/from-the-design.md') && PAGES.includes('sdk/python/README.md'));
  const broken: string[] = [];
  for (const page of PAGES) {
    for (const [, target = ''] of withoutCode(readFileSync(join(ROOT, page), 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
      if (!existsSync(file)) broken.push(`${page}: ${target}`);
      else if (anchor !== undefined && !anchorsOf(file).includes(anchor)) broken.push(`${page}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});
