/** The units: systemd's own opinion of them, which needs no running systemd, and what they start. No test starts one. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runTmon, temporaryDirectory } from '../../test/processes/tmon.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const ANALYZE = '/usr/bin/systemd-analyze';
const skip = !existsSync(ANALYZE) && 'systemd-analyze is not installed';
/** The highest exposure, of 100. A worker needs its GPU, so devices are not hidden from it. */
const UNITS = { 'tmon.service': 20, 'tmon-worker@.service': 45 };

const read = (unit: string) => readFileSync(join(FOLDER, unit), 'utf8');

for (const [unit, exposure] of Object.entries(UNITS)) {
  test(`systemd accepts ${unit}, and finds it confined`, { skip }, async (t) => {
    const folder = temporaryDirectory(t);
    // The command is not installed here; a template is checked as an instance.
    const path = join(folder, unit.replace('@', '@0'));
    writeFileSync(path, read(unit).replace('/usr/local/bin/tmon', '/bin/true'));
    const { stderr } = await promisify(execFile)(ANALYZE, ['verify', '--man=no', '--recursive-errors=no', path]);
    assert.equal(stderr, '');
    await promisify(execFile)(ANALYZE, ['security', '--offline=true', `--threshold=${exposure}`, path]);
  });

  test(`${unit} starts a command that exists, with options that it takes`, async (t) => {
    const [, command = ''] = /^ExecStart=\/usr\/local\/bin\/tmon (.+)$/m.exec(read(unit)) ?? [];
    const { code, stdout } = await runTmon(t, [command.split(' ')[0]!, '--help']);
    assert.equal(code, 0);
    for (const option of command.match(/--[a-z-]+/g) ?? []) assert.ok(stdout.includes(option), option);
  });
}
