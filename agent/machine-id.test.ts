/** What a worker calls its machine. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../test/processes/tmon.ts';
import { machineId } from './machine-id.ts';

for (const [tag, id] of [
  ['i-0123456789abcdef0\n', 'i-0123456789abcdef0'],
  ['Not Specified\n', hostname()],
  ['i-nonsense', hostname()],
  ['', hostname()],
] as const) {
  test(`a machine whose asset tag is ${JSON.stringify(tag)} is ${id === hostname() ? 'its host name' : id}`, (t) => {
    const file = join(temporaryDirectory(t), 'board_asset_tag');
    writeFileSync(file, tag);
    assert.equal(machineId(file), id);
  });
}

test('a machine without an asset tag is its host name', () => {
  assert.equal(machineId('/nowhere'), hostname());
});
