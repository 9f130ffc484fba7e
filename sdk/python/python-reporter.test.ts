/** The Python reporter by its own tests, beside the rest of the SDK. */
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PYTEST_MS, runPytest } from './testing-module.ts';

const FILES = globSync('tests/test_reporter*.py', { cwd: fileURLToPath(new URL('.', import.meta.url)) }).sort();

test('pytest: the reporter, its systems, its spool, and processes that end in every way', { timeout: PYTEST_MS }, () =>
  runPytest(...FILES),
);
