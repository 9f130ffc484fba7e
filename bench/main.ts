/**
 * `npm run bench`: the monitor's throughput beside BullMQ and the documents' table, on this machine and in this run;
 * and the cost of commits, starts and memory. docs/benchmarks.md explains the figures. It is not a test.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Contender, contenders } from './contenders.ts';
import { type Options, PARTS, type Part, readOptions } from './options.ts';
import { measureArchive } from './parts/archive.ts';
import { measureColdStart } from './parts/cold-start.ts';
import { measureCommitLatency } from './parts/commit-latency.ts';
import { measureFeed } from './parts/feed.ts';
import type { FromInside } from './parts/in-one-process.ts';
import { measureProgressUpdates } from './parts/progress-updates.ts';
import { preparePrograms } from './programs.ts';
import { race, withEntrants } from './race.ts';
import { type Figures, printFigures, summarise } from './report.ts';
import { inFolder } from './servers/server.ts';

const say = (line: string) => process.stderr.write(`bench: ${line}\n`);

async function main(): Promise<void> {
  const options = readOptions();
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true });
  const all = contenders(preparePrograms(say), options.beside);
  const { parts, chosen } = choose(options, all);
  const figures: Figures = {
    machine: machine(),
    options,
    race: [],
    turns: [],
    updates: [],
    latency: [],
    cold_start: null,
    inside: null,
    feed: null,
    archive: null,
  };

  if (parts.has('race') || parts.has('updates') || parts.has('latency')) {
    await withEntrants(chosen, { folder, clients: options.clients }, async (entrants) => {
      if (parts.has('race')) figures.turns = await race(entrants, { ...options, jobs: options.lifecycles }, say);
      if (parts.has('updates')) {
        say('progress updates');
        figures.updates = await measureProgressUpdates(entrants, { ...options, jobs: options.lifecycles });
      }
      if (parts.has('latency')) {
        say('commit latency');
        figures.latency = await measureCommitLatency(entrants, options.clients);
      }
    });
    figures.race = summarise(chosen, figures.turns);
  }
  if (parts.has('cold-start') || parts.has('memory')) {
    await inFolder(folder, async (own) => {
      const store = join(own, 'store');
      say('filling a store with 100,000 active jobs');
      await inProcess('parts/fill-store.ts', store);
      if (parts.has('cold-start')) {
        say('cold start');
        figures.cold_start = await measureColdStart(store);
      }
      if (parts.has('memory')) {
        say('heap, and the stall of a snapshot');
        figures.inside = (await inProcess('parts/in-one-process.ts', store)) as FromInside;
      }
    });
  }
  if (parts.has('feed')) figures.feed = await measureFeed(folder, options, say);
  if (parts.has('archive')) figures.archive = await measureArchive(folder, options, say);
  printFigures(figures);
  if (options.json) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
}

/** `--only` names contenders and parts; without a part all parts run, and without a contender all contenders. */
function choose({ only }: Options, all: Contender[]): { parts: Set<Part>; chosen: Contender[] } {
  const known: string[] = [...PARTS, ...all.map(({ name }) => name)];
  const unknown = only.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--only: unknown name ${unknown}; the names are ${known.join(', ')}`);
  const parts = PARTS.filter((part) => only.includes(part));
  const chosen = all.filter(({ name }) => only.includes(name));
  return {
    parts: new Set(parts.length > 0 ? parts : chosen.length > 0 ? ['race'] : PARTS),
    chosen: chosen.length > 0 ? chosen : all,
  };
}

/** Runs a file as a separate process; returns the message that it sent, if any. */
async function inProcess(file: string, argument: string): Promise<unknown> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, [argument], { execArgv: ['--expose-gc'], stdio: ['ignore', 2, 2, 'ipc'] });
  const kill = () => child.kill('SIGKILL');
  process.prependOnceListener('exit', kill);
  let sent: unknown = null;
  child.on('message', (message) => {
    sent = message;
    child.disconnect();
  });
  const [code] = await once(child, 'exit');
  process.off('exit', kill);
  if (code !== 0) throw new Error(`${file} ended with ${code}`);
  return sent;
}

function machine() {
  const [first, ...others] = cpus();
  return {
    cpu: `${others.length + 1} × ${first?.model.trim() ?? 'unknown'}`,
    memory_gb: Math.round(totalmem() / 1e9),
    node: process.version,
    load_before: loadavg()[0]!,
  };
}

// Each server and folder is removed with us, by its own listener.
process.setMaxListeners(50);
// Needs no contenders, and takes longer than all the rest.
if (process.argv[2] === 'curves') {
  await import('./curves/main.ts');
  process.exit();
}
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
