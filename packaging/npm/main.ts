/**
 * `npm run package [-- DIRECTORY]`: makes the npm package, by default in `dist/`: compiled JavaScript with types and maps, and only
 * what runs. Prints the path of the tarball. `npm install -g` of it gives `tmon`.
 */
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { dashboardFolder } from '../../installation/own-files.ts';
import { COMPILER, copiedFiles, PROJECT, ROOT, run } from './contents.ts';

const target = resolve(process.argv[2] ?? join(ROOT, 'dist'));
const folder = join(target, 'package');

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
run(process.execPath, [COMPILER, '-p', PROJECT, '--outDir', folder]);
for (const path of copiedFiles()) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  copyFileSync(join(ROOT, path), join(folder, path));
}
await buildDashboard();
cpSync(dashboardFolder, join(folder, 'dashboard/dist'), { recursive: true });
mkdirSync(join(folder, 'bin'));
copyFileSync(join(ROOT, 'packaging/npm/tmon.mjs'), join(folder, 'bin/tmon.mjs'));
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`);
const packed = run('npm', ['pack', '--json', '--pack-destination', target], folder);
const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
console.log(join(target, filename));

function manifest(): object {
  const { name, version, description, license, type, dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  );
  const bin = { 'transcription-monitor': 'bin/tmon.mjs', tmon: 'bin/tmon.mjs' };
  const engines = { node: '>=22.15' };
  return { name, version, description, license, type, engines, bin, dependencies, optionalDependencies };
}
