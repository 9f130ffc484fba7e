/** Code samples: every operation has one for each SDK, and those in TypeScript type-check. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../../../test/processes/tmon.ts';
import { endpoints } from './app.ts';
import { openApiDocument } from './openapi.ts';
import { codeSamples, SNIPPETS, withSamplesInDescriptions } from './snippets.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

test('every operation has a sample for each SDK, which calls it by name', () => {
  assert.deepEqual(Object.keys(SNIPPETS).sort(), endpoints.map(({ operation }) => operation).sort());
  for (const [operation, { typescript, python }] of Object.entries(SNIPPETS)) {
    assert.ok(typescript.includes(`api.${operation}(`), `${operation}: ${typescript}`);
    assert.ok(python.includes(`api.${snake(operation)}(`), `${operation}: ${python}`);
  }
});

test('every sample in TypeScript type-checks against the SDK', (t) => {
  const directory = temporaryDirectory(t);
  const names = Object.keys(SNIPPETS).map((operation) => {
    const { source } = codeSamples(operation).find(({ lang }) => lang === 'typescript')!;
    writeFileSync(join(directory, `${operation}.mts`), `${source}\nexport {};\n`);
    return `${operation}.mts`;
  });
  const configuration = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      paths: { '@transcription-monitor/sdk': [join(ROOT, 'sdk/typescript/index.ts')] },
      typeRoots: [join(ROOT, 'node_modules/@types')],
      noUnusedLocals: false,
    },
    include: [],
    files: names,
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(configuration));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout, stderr, status } = spawnSync(process.execPath, [compiler, '-p', directory], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});

test('the pages of the API show the samples in the descriptions', () => {
  const document = openApiDocument(endpoints, '0.0.0');
  const shown = withSamplesInDescriptions(document) as {
    paths: Record<string, Record<string, { description: string }>>;
  };
  const { description } = shown.paths['/api/v1/jobs']!.post!;
  assert.match(description, /\*\*Python\*\*\n\n```python\nfrom transcription_monitor import TranscriptionAPI/);
  assert.match(description, /\*\*TypeScript\*\*\n\n```typescript\nimport \{ TranscriptionAPI \}/);
  assert.match(description, /api\.jobs\.submit\(/);
  const operations = Object.values(shown.paths).flatMap((path) => Object.values(path));
  assert.equal(operations.length, endpoints.length);
  assert.ok(operations.every((operation) => operation.description.includes('```python')));
});
