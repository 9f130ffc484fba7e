/** What workers of the Python SDK do, on networks as they are, by pytest against real monitors. */
import { test } from 'node:test';
import { PYTEST_MS, runPytest, WORKER_TESTS } from './testing-module.ts';

test('pytest: workers, examples, tmon-worker, interruptions, bad responses and networks', { timeout: PYTEST_MS }, () =>
  runPytest(...WORKER_TESTS),
);
