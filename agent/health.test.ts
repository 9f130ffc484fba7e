import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createHealthReader } from './health.ts';

/** A stand-in for nvidia-smi: there is no GPU where tests run. It prints what the real one prints for these options. */
async function nvidiaSmi(t: TestContext, script: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-health-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'nvidia-smi');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

const LINES = `0, GPU-1111-aaaa, 90\n1, GPU-2222-bbbb, 40\n2, GPU-3333-cccc, [N/A]\n`;
const OPTIONS = '--query-gpu=index,uuid,utilization.gpu --format=csv,noheader,nounits';

test('[A37] a worker reads its CPU, memory and disk in percent, of its machine', async () => {
  const readHealth = createHealthReader({ directory: tmpdir(), nvidia_smi: '/nowhere/nvidia-smi' });
  await readHealth();
  const { cpu_usage, memory_usage, disk_usage, gpu_usage } = await readHealth();
  for (const usage of [cpu_usage, memory_usage, disk_usage]) {
    assert.ok(usage !== null && usage >= 0 && usage <= 100, String(usage));
  }
  assert.ok(memory_usage !== null && memory_usage > 0);
  assert.equal(gpu_usage, null, 'no GPU is null, not 0');
});

test('[A37] GPU use is the mean of the GPUs that report it', async (t) => {
  const nvidia_smi = await nvidiaSmi(t, `[ "$*" = "${OPTIONS}" ] || exit 2\nprintf '${LINES}'`);
  assert.equal((await createHealthReader({ directory: '/', nvidia_smi })()).gpu_usage, 65);
});

test('a worker with some of the GPUs counts only those, by number or by name', async (t) => {
  const nvidia_smi = await nvidiaSmi(t, `printf '${LINES}'`);
  for (const [visible_gpus, usage] of [
    ['1', 40],
    ['GPU-1111', 90],
    ['0, 1', 65],
    ['2', null],
    ['', null],
  ] as const) {
    assert.equal(
      (await createHealthReader({ directory: '/', nvidia_smi, visible_gpus })()).gpu_usage,
      usage,
      visible_gpus,
    );
  }
});

test('a failing driver loses only the GPU value, and is retried', async (t) => {
  const nvidia_smi = await nvidiaSmi(t, 'echo call >> "$0.calls"; exit 9');
  const readHealth = createHealthReader({ directory: '/', nvidia_smi });
  for (let beat = 0; beat < 2; beat++) {
    const health = await readHealth();
    assert.equal(health.gpu_usage, null);
    assert.notEqual(health.memory_usage, null);
  }
  assert.equal(await readFile(`${nvidia_smi}.calls`, 'utf8'), 'call\ncall\n');
});

test('an unreadable disk is null', async () => {
  const readHealth = createHealthReader({ directory: '/nowhere/at-all', nvidia_smi: '/nowhere/nvidia-smi' });
  assert.equal((await readHealth()).disk_usage, null);
});
