/**
 * Mutation testing: breaks one place of the server at a time and runs the tests that should fail.
 *
 *     npm run mutate -- --count 100 --seed 7 [--part journal] [--file server/journal/chain.ts] [--nearest] [--json]
 *
 * Mutants are drawn evenly from the parts. Each runs in separate processes; the file on disk is never changed. A mutant
 * is caught by the first test that fails or hangs. Tests of the same folder and those that import it directly run
 * first, then the part's stages; tests that never load the file are left out. `--nearest` runs only the first of these:
 * its survivors may be caught by the others. equivalent.json lists mutants that change nothing that can be observed,
 * with the reason.
 */
import { spawn } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { randomOf } from '../random.ts';
import { type Mutant, mutantsOf } from './mutants.ts';
import { Tests } from './nearest.ts';
import { PARTS, type Part, SIMULATION } from './parts.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HOOK = pathToFileURL(join(ROOT, 'test/mutation/break-file.ts')).href;
const TEST_TIMEOUT_MS = 60_000;
const STAGE_TIMEOUT_MS = 240_000;
const HISTORIES = '80';

type Equivalent = { file: string; change: string; reason: string };

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100' },
    seed: { type: 'string', default: '7' },
    part: { type: 'string' },
    file: { type: 'string' },
    nearest: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const equivalents = JSON.parse(
  readFileSync(new URL('equivalent.json', import.meta.url), 'utf8'),
) as readonly Equivalent[];

function filesOf({ files }: Part): string[] {
  return globSync(files, { cwd: ROOT })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => !/\.test\.ts$|\/testing/.test(file))
    .sort();
}

function draw<T>(items: T[], count: number, chance: () => number): T[] {
  const left = [...items];
  const drawn: T[] = [];
  while (drawn.length < count && left.length > 0) {
    drawn.push(...left.splice(Math.floor(chance() * left.length), 1));
  }
  return drawn;
}

/** True if a test fails, or does not end. */
function fails(mutant: Mutant, stage: readonly string[]): Promise<boolean> {
  const simulates = stage[0] === SIMULATION;
  const args = simulates
    ? ['test/simulation/main.ts', '--histories', HISTORIES, '--seed', '7']
    : ['--test', `--test-timeout=${TEST_TIMEOUT_MS}`, '--test-concurrency=2', '--test-reporter=tap', ...stage];
  const { file, start, end, replacement } = mutant;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
      env: {
        ...process.env,
        NODE_OPTIONS: `--import=${HOOK}`,
        NODE_COMPILE_CACHE: '',
        TMON_MUTANT: JSON.stringify({ path: join(ROOT, file), start, end, replacement }),
      },
    });
    const settle = (failed: boolean) => {
      clearTimeout(timer);
      resolve(failed);
    };
    const stop = () => {
      settle(true);
      try {
        // The group holds the processes that the tests started.
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const timer = setTimeout(stop, STAGE_TIMEOUT_MS);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!simulates && /^\s*not ok /.test(line)) stop();
    });
    child.once('exit', (code) => settle(code !== 0));
  });
}

/** Tests of the same folder and those that import the file directly, then the part's stages, each test once. */
function stagesOf({ file }: Mutant, part: Part): string[][] {
  const distances = tests.of(file);
  const near = [...distances]
    .filter(([name, distance]) => distance === 1 || roomOf(name) === roomOf(file))
    .map(([name]) => name);
  if (values.nearest) return [near];
  const run = new Set(near);
  const stages = part.stages.map((stage) => {
    if (stage[0] === SIMULATION) return [SIMULATION];
    const left = globSync(stage, { cwd: ROOT })
      .map((name) => name.replaceAll('\\', '/'))
      .filter((name) => distances.has(name) && !run.has(name));
    for (const name of left) run.add(name);
    return left;
  });
  return [near, ...stages].filter((stage) => stage.length > 0);
}

/** `server/journal` of `server/journal/chain.ts`. */
const roomOf = (file: string): string => file.split('/', 2).join('/');

async function isCaught(mutant: Mutant, part: Part): Promise<boolean> {
  for (const stage of stagesOf(mutant, part)) if (await fails(mutant, stage)) return true;
  return false;
}

const parts = PARTS.filter(({ name }) => values.part === undefined || name === values.part);
if (parts.length === 0)
  throw new Error(`no part ${values.part}; there are ${PARTS.map(({ name }) => name).join(', ')}`);
const tests = new Tests(ROOT);
const chance = randomOf(Number(values.seed));
let caught = 0;
let tried = 0;
const survivors: (Mutant & { part: string })[] = [];
for (const part of parts) {
  const all = filesOf(part)
    .filter((file) => values.file === undefined || file === values.file)
    .flatMap((file) => mutantsOf(file, readFileSync(join(ROOT, file), 'utf8')));
  // Left out after the draw, so that a new entry does not change which others a seed draws.
  const drawn = draw(all, Math.ceil(Number(values.count) / parts.length), chance).filter(
    ({ file, change }) => !equivalents.some((one) => one.file === file && one.change === change),
  );
  let ofPart = 0;
  for (const mutant of drawn) {
    const is = await isCaught(mutant, part);
    tried += 1;
    if (is) {
      caught += 1;
      ofPart += 1;
    } else survivors.push({ ...mutant, part: part.name });
    if (!values.json) console.log(`${is ? 'caught  ' : 'SURVIVED'} ${mutant.file}:${mutant.line}  ${mutant.change}`);
  }
  if (!values.json) console.log(`${part.name}: ${ofPart} of ${drawn.length} caught; it has ${all.length} mutants`);
}
if (values.json) console.log(JSON.stringify({ caught, tried, survivors }, null, 1));
else console.log(`${caught} of ${tried} caught = ${Math.round((100 * caught) / tried)} %`);
