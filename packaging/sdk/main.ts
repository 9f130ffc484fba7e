/**
 * `npm run package:sdk [-- DIRECTORY]`: makes the npm package of the SDK, by default in `dist/`, from sdk/typescript and the part of
 * protocol/ that it needs: JavaScript with types and maps, and no dependency. Prints the path of the tarball.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';
import { COMPILER, ROOT, run } from '../npm/contents.ts';

const SOURCE = 'sdk/typescript';
/** Of protocol/, in the package; declared by schema-types.d.ts. */
const SCHEMA_TYPES = 'protocol/schema-types';

const IMPORT = /(?:from|import)[ (]*['"](\.[^'"]+)\.[jt]s['"]/g;

const target = resolve(process.argv[2] ?? join(ROOT, 'dist'));
const folder = join(target, 'sdk');
const compiled = join(target, 'sdk-compiled');

for (const path of [folder, compiled]) rmSync(path, { recursive: true, force: true });
run(process.execPath, [COMPILER, '-p', join(ROOT, 'packaging/sdk/tsconfig.json'), '--outDir', compiled]);
const manifest = JSON.parse(readFileSync(join(ROOT, SOURCE, 'package.json'), 'utf8'));
const entries = Object.values(manifest.exports as Record<string, string>).map((path) => posix.join(SOURCE, path));
for (const extension of ['.js', '.d.ts']) {
  for (const file of reachable(entries.map((path) => path.replace(/\.ts$/, extension)))) write(file);
}
copyFileSync(join(ROOT, 'packaging/sdk/schema-types.d.ts'), join(folder, `${SCHEMA_TYPES}.d.ts`));
copyFileSync(join(ROOT, SOURCE, 'README.md'), join(folder, 'README.md'));
copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(published(), null, 2)}\n`);
rmSync(compiled, { recursive: true });
const packed = run('npm', ['pack', '--json', '--pack-destination', target], folder);
const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
console.log(join(target, filename));

/** The files that these import, and what those import. Of code, only what runs: most of protocol/ is types to the SDK. */
function reachable(files: readonly string[]): Set<string> {
  const found = new Set<string>();
  const waiting = [...files];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    const extension = /(?:\.d\.ts|\.js)$/.exec(file)![0];
    for (const [, path] of readFileSync(join(compiled, file), 'utf8').matchAll(IMPORT))
      waiting.push(`${posix.join(dirname(file), path!)}${extension}`);
  }
  return found;
}

function write(file: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  if (file.endsWith('.js')) {
    for (const part of [file, `${file}.map`]) copyFileSync(join(compiled, part), join(folder, part));
    return;
  }
  // The compiler leaves the endings in declarations as they are.
  const text = readFileSync(join(compiled, file), 'utf8').replace(IMPORT, (found) =>
    found.replace(/\.ts(['"])$/, '.js$1'),
  );
  const path = posix.relative(dirname(file), SCHEMA_TYPES);
  writeFileSync(
    join(folder, file),
    text.replace(/(['"])typebox\1/g, `'${path.startsWith('.') ? path : `./${path}`}.js'`),
  );
}

function published(): object {
  const { private: _, exports, ...rest } = manifest;
  const compiledEntries = Object.entries<string>(exports).map(([name, path]) => {
    const file = `./${posix.join(SOURCE, path).replace(/\.ts$/, '')}`;
    return [name, { types: `${file}.d.ts`, default: `${file}.js` }];
  });
  return { ...rest, exports: { ...Object.fromEntries(compiledEntries), './package.json': './package.json' } };
}
