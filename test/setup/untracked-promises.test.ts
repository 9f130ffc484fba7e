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
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout } = spawnSync(process.execPath, ['--import', PRELOAD, '--test', file], {
      env,
      encoding: 'utf8',
    });
    assert.equal(status, 1, stdout);
    assert.match(stdout, /✔ passes/);
    assert.match(stdout, /Error: unseen\n\s+at .*passes\.test\.mjs:2/);
  });
}
