import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PRELOAD = fileURLToPath(new URL('./untracked-promises.ts', import.meta.url));

for (const [what, line] of [
  ['an uncaught error', "setTimeout(() => { throw new Error('unseen'); }, 1)"],
  ['an unhandled rejection', "void Promise.reject(new Error('unseen'))"],
] as const) {
  test(`without tracking, ${what} in a test that passes fails its file and prints where it was thrown`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tmon-preload-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'passes.test.mjs');
    const body = `${line}; await new Promise((resolve) => setTimeout(resolve, 20));`;
    writeFileSync(file, `import { test } from 'node:test';\ntest('passes', async () => { ${body} });\n`);
    const { status, stdout } = runTests(file);
    assert.equal(status, 1, stdout);
    assert.match(stdout, /✔ passes/);
    assert.match(stdout, /Error: unseen\n\s+at .*passes\.test\.mjs:2/);
  });
}

test('without tracking, suites within suites keep their tests and hooks', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tmon-preload-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'nested.test.mjs');
  writeFileSync(
    file,
    `import { before, describe, test } from 'node:test';
describe('outer', () => {
  const seen = [];
  before(async () => { await null; seen.push('outer'); });
  test('first', async (t) => { seen.push('first'); await null; await t.test('within', () => seen.push('within')); });
  describe('inner', () => {
    before(() => seen.push('inner'));
    test('last', () => { if (seen.join() !== 'outer,first,within,inner') throw new Error(seen.join()); });
  });
});
`,
  );
  const { status, stdout } = runTests(file, '--test-reporter=tap');
  assert.equal(status, 0, stdout);
  const lines = stdout.split('\n').filter((line) => /^ *ok/.test(line));
  const expected = [
    '        ok 1 - within',
    '    ok 1 - first',
    '        ok 1 - last',
    '    ok 2 - inner',
    'ok 1 - outer',
  ];
  assert.deepEqual(lines, expected);
});

function runTests(file: string, ...options: string[]) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return spawnSync(process.execPath, ['--import', PRELOAD, '--test', ...options, file], { env, encoding: 'utf8' });
}
