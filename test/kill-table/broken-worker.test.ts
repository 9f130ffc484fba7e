import { test } from 'node:test';
import { playBrokenWorker } from './broken-worker.ts';

test(
  'a worker whose GPU is gone fails no job, and is shown with its reason; another one transcribes all',
  {
    timeout: 230_000,
  },
  async (t) => playBrokenWorker(t, { jobs: 3, good_first: false }),
);
