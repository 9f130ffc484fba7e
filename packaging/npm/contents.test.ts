/** What is in the npm package. `node test/packages/main.ts` installs and runs it. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { compiledFiles, copiedFiles, ROOT } from './contents.ts';

const compiled = compiledFiles();
const copied = copiedFiles();

test('the package has no test, no benchmark and nothing that only tests read', (t) => {
  assert.ok(compiled.length > 300 && copied.length > 20, `${compiled.length} and ${copied.length} files`);
  assert.deepEqual(
    [...compiled, ...copied].filter((path) => /\.test\.|testing|testdata|^(?:test|bench|packaging)\//.test(path)),
    [],
  );
  const size = (paths: string[]) =>
    `${(paths.reduce((sum, path) => sum + statSync(join(ROOT, path)).size, 0) / 1e6).toFixed(1)} MB`;
  t.diagnostic(`${compiled.length} sources of ${size(compiled)}, ${copied.length} other files of ${size(copied)}`);
});

test('every file that the program reads beside itself is in the package', () => {
  const beside = compiled.flatMap((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const named = text.matchAll(/new URL\(['`]([^'`$]+)['`$][^)]*import\.meta\.url\)/g);
    return [...named].map(([, path]) => posix.join(dirname(file), path!));
  });
  assert.ok(beside.includes('server/alerts/rules/defaults.yaml'), beside.join(' '));
  // Made for the package, or used from the sources alone.
  const other = ['package.json', 'dashboard/dist', '.cache', '.'];
  const missing = beside.filter(
    (path) => !other.includes(path) && !copied.some((one) => one === path || one.startsWith(path)),
  );
  assert.deepEqual(missing, []);
});

test('a program that is started as a process or a thread is in the package', () => {
  const callers = compiled.filter((file) => file !== 'installation/own-files.ts');
  const programs = callers.flatMap((file) => {
    const named = readFileSync(join(ROOT, file), 'utf8').matchAll(/ownProgram\('([^']+)', import\.meta\.url\)/g);
    return [...named].map(([, path]) => `${posix.join(dirname(file), path!)}.ts`);
  });
  assert.ok(programs.includes('server/objects/store-thread-worker.ts'), programs.join(' '));
  assert.deepEqual(
    programs.filter((path) => !compiled.includes(path)),
    [],
  );
});
