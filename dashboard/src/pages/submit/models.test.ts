import assert from 'node:assert/strict';
import { test } from 'node:test';
import { offerOf } from './models.ts';

const unknown = { model: null, device: null, gpu_optimized: null, batch_size: null };

test('what live workers have is offered once, in order; what ended workers had is not', () => {
  const workers = [
    {
      state: 'IDLE',
      capabilities: { ...unknown, model: 'large-v3', device: 'cuda', tags: ['eu'], options: ['vad', 'prompt'] },
    },
    { state: 'ACTIVE', capabilities: { ...unknown, model: 'large-v3', models: ['distil'], device: 'cpu' } },
    { state: 'STARTING', capabilities: unknown },
    { state: 'TERMINATED', capabilities: { ...unknown, model: 'tiny', tags: ['us'] } },
  ] as const;
  assert.deepEqual(offerOf(workers as never), {
    models: ['distil', 'large-v3'],
    devices: ['cpu', 'cuda'],
    tags: ['eu'],
    options: ['prompt', 'vad'],
  });
  assert.equal(offerOf([]).options, null);
});
