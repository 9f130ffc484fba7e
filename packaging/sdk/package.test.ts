/** The npm package of the SDK, as a user's compiler sees it. `node test/packages/sdk-main.ts` runs it on every platform. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { COMPILER, ROOT } from '../npm/contents.ts';

const folder = temporaryDirectory({ after });
execFileSync(process.execPath, [join(ROOT, 'packaging/sdk/main.ts'), folder]);
const modules = join(folder, 'node_modules');
const SDK = join(modules, '@transcription-monitor/sdk');
mkdirSync(join(modules, '@transcription-monitor'), { recursive: true });
renameSync(join(folder, 'sdk'), SDK);
for (const types of ['@types', 'undici-types']) symlinkSync(join(ROOT, 'node_modules', types), join(modules, types));
writeFileSync(join(folder, 'package.json'), '{"type": "module"}');

/** What the compiler reports about a user's program, in declarations of the package too. */
function compile(name: string, program: string, ...options: string[]): string {
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, program);
  const strict = ['--ignoreConfig', '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'];
  const { stdout } = spawnSync(process.execPath, [COMPILER, ...strict, '--target', 'es2024', ...options, file], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout;
}

const PLATFORMS = {
  'a browser': ['--lib', 'es2024,dom', '--types', '', '--module', 'esnext', '--moduleResolution', 'bundler'],
  Node: ['--lib', 'es2024', '--types', 'node', '--module', 'nodenext'],
};

const USES = `
import { type JobUpdate, NotFoundError, TranscriptionAPI } from '@transcription-monitor/sdk';
const api = new TranscriptionAPI({ baseUrl: 'http://127.0.0.1:8080', apiKey: undefined });
const upload = await api.uploads.create(new File(['RIFF'], 'a.wav'), { onProgress: ({ percentage }) => percentage.toFixed() });
const job = await api.jobs.submit({ audio_url: upload.audio_url, priority: 'high' });
const updates: JobUpdate[] = [];
for await (const update of api.jobs.watch(job.id, { signal: AbortSignal.timeout(1) })) updates.push(update);
export const percentage: number = job.progress.percentage;
export const state: 'SUBMITTED' | 'QUEUED' | 'PROCESSING' | 'CANCELLING' | 'COMPLETED' | 'FAILED' | 'CANCELLED' = job.state;
export const isMissing = (error: unknown) => error instanceof NotFoundError && error.problem.status === 404;
// @ts-expect-error: not a priority
await api.jobs.submit({ audio_url: upload.audio_url, priority: 'highest' });
// @ts-expect-error: no such field
job.no_such_field;
`;

for (const [platform, options] of Object.entries(PLATFORMS)) {
  test(`a program for ${platform} compiles strictly against the package, with its declarations checked`, () => {
    assert.equal(compile('uses', USES, ...options), '');
  });
}

test('the reporter and StateAPI compile as entries of their own', () => {
  const program = `
    import { Reporter } from '@transcription-monitor/sdk/reporter';
    import { StateAPI } from '@transcription-monitor/sdk/state-api';
    export const states = new StateAPI({ redis: null, s3: { getObject: async () => null } });
    export { Reporter };`;
  assert.equal(compile('entries', program, ...PLATFORMS.Node), '');
});

test('the package has no dependency, and only the files that its entries need', () => {
  const manifest = JSON.parse(readFileSync(join(SDK, 'package.json'), 'utf8'));
  assert.deepEqual([manifest.dependencies, manifest.private], [undefined, undefined]);
  assert.deepEqual(Object.keys(manifest.exports), ['.', './state-api', './reporter', './package.json']);
  const files = globSync('**/*.*', { cwd: SDK });
  assert.deepEqual(
    files.filter((file) => /test/.test(file)),
    [],
  );
  for (const file of files.filter((file) => /\.(?:js|ts)$/.test(file))) {
    const text = readFileSync(join(SDK, file), 'utf8');
    // A sink of the reporter loads its peer when it is used.
    assert.doesNotMatch(text, /^(?:import|export)\b[^'"]* from ['"](?!\.|node:)/m, file);
  }
});

test('the core entry needs nothing of Node', () => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import)[ (]*['"]([^'"]+)['"]/g)) {
      assert.match(target, /^\./, file);
      visit(join(file, '..', target));
    }
  };
  visit(join(SDK, 'sdk/typescript/index.js'));
  assert.ok(seen.size > 15);
});

test('every type of the protocol is the same in the package as in the sources', () => {
  const lines = globSync('protocol/*.d.ts', { cwd: SDK }).flatMap((file) => {
    const name = basename(file, '.d.ts');
    if (name === 'schema-types') return [];
    const types = [...readFileSync(join(SDK, file), 'utf8').matchAll(/^export type (\w+) =/gm)].map(
      ([, type]) => type!,
    );
    const [ours, packed] = [join(ROOT, 'protocol', `${name}.ts`), join(SDK, 'protocol', `${name}.js`)];
    return types.map((type) => `same<import('${ours}').${type}, import('${packed}').${type}>(true);`);
  });
  assert.ok(lines.length > 60, `${lines.length} types`);
  const program = `
    type Same<A, B> = (<T>() => T extends Plain<A> ? 1 : 2) extends <T>() => T extends Plain<B> ? 1 : 2 ? true : false;
    type Plain<T> = T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
    declare function same<A, B>(same: Same<A, B>): void;
    same<{ a: string }, { a: string }>(true);
    // @ts-expect-error: different
    same<{ a: string }, { a?: string }>(true);
    ${lines.join('\n')}`;
  // Declarations print `a?: T` as `a?: T | undefined`.
  const options = [
    '--exactOptionalPropertyTypes',
    'false',
    '--allowImportingTsExtensions',
    '--skipLibCheck',
    'true',
    ...PLATFORMS.Node,
  ];
  assert.equal(compile('same', program, ...options), '');
});
