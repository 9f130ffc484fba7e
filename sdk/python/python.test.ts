/** The Python SDK, by Python's own tools: style, types, and its tests against real monitors and workers. */
import { test } from 'node:test';
import { PYTEST_MS, runModule, runPytest, WORKER_TESTS } from './testing-module.ts';

const PLACES = ['.', '../../examples/python'];

test('ruff has nothing to say of the Python SDK and its examples', async () => {
  await runModule('ruff', 'check', '--quiet', ...PLACES);
  await runModule('ruff', 'format', '--check', '--quiet', ...PLACES);
});

test('mypy, strict, finds no wrong type in the Python SDK and its examples', () => runModule('mypy'));

test(
  "[A55] [A56] [A57] [A58] [A59] [A91] [A92] [A93] [A94] [A95] [A96] pytest: the documents' programs, every operation, the feed, workers, the reconciler, the mock",
  {
    timeout: PYTEST_MS,
  },
  () => runPytest('--ignore-glob=tests/test_reporter*', ...WORKER_TESTS.map((path) => `--ignore=${path}`)),
);
