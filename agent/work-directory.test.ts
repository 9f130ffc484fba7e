import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openWorkDirectory } from './work-directory.ts';

test('a worker removes its own directory and those of dead workers on this machine, and no others', async (t) => {
  const base = mkdtempSync(join(tmpdir(), 'tmon-work-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const { pid: dead } = spawnSync(process.execPath, ['-e', '']);
  const host = hostname().replace(/[^A-Za-z0-9-]/g, '-');
  const leftOver = join(base, `${host}.${dead}`);
  const kept = [`${host}.${process.ppid}`, `another-machine.${dead}`, 'notes'].map((name) => join(base, name));
  for (const path of [leftOver, ...kept]) {
    mkdirSync(path);
    writeFileSync(join(path, 'audio.wav'), 'x');
  }
  const { path, remove } = await openWorkDirectory(base);
  assert.ok(existsSync(path));
  assert.ok(!existsSync(leftOver));
  await remove();
  assert.ok(!existsSync(path));
  for (const other of kept) assert.ok(existsSync(join(other, 'audio.wav')));
});
