/**
 * Which tests prove each line of the two documents: `node test/documents/checklist.ts` prints the table. Tests name the items
 * that they prove, `[A102] …`; A1 to A109 are those of the full system, B110 to B146 those of the simple ones.
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FILES = [
  '{agent,cli,deploy,notifiers,protocol,sdk,server,sources,test}/**/*.test.ts',
  'sdk/python/tests/test_*.py',
];

export const ITEMS = [
  ...Array.from({ length: 109 }, (_, n) => `A${n + 1}`),
  ...Array.from({ length: 37 }, (_, n) => `B${n + 110}`),
];

export type Proof = { file: string; test: string };

/** The tests that name each item, by their names or by a comment above them. */
export function proofs(): Map<string, Proof[]> {
  const found = new Map<string, Proof[]>(ITEMS.map((item) => [item, []]));
  for (const file of globSync(FILES, { cwd: ROOT, exclude: ['**/node_modules/**'] }).sort()) {
    for (const line of readFileSync(`${ROOT}/${file}`, 'utf8').split('\n')) {
      const items = [...line.matchAll(/\[([AB]\d+)\]/g)].map(([, item]) => item!);
      if (items.length === 0) continue;
      const test = line.slice(line.indexOf('[')).replace(/(?<=.)['"`],? ?(?:async )?(?:\(|\{|skip|t\b).*$/, '');
      for (const item of items) found.get(item)?.push({ file: file.replaceAll('\\', '/'), test });
    }
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [item, tests] of proofs()) {
    const [first, ...more] = tests.map(({ file, test }) => `${file}: ${test}`);
    process.stdout.write(`${item.padEnd(5)} ${first ?? 'no test'}\n${more.map((line) => `      ${line}\n`).join('')}`);
  }
}
