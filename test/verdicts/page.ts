/** Puts generated text between two markers of a page. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MARKED = /(<!-- figures -->\n).*(<!-- end of figures -->)/s;

export function writeInto(page: string, text: string): void {
  const path = join(ROOT, page);
  const before = readFileSync(path, 'utf8');
  if (!MARKED.test(before)) throw new Error(`${page} has no place for the figures`);
  writeFileSync(
    path,
    before.replace(MARKED, (_, start: string, end: string) => `${start}${text}\n${end}`),
  );
}
