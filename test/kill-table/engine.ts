/**
 * faster-whisper whose model does something wrong before it transcribes, or waits: engine.py is run in front of our script, in the
 * same process.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineEnvironment } from '../../agent/engines/private-python.ts';
import { type Cleaning, temporaryDirectory } from '../processes/tmon.ts';

export type ShelledEngine = {
  /** For `tmon worker --engine`. */
  choice: string;
  /** Its process, once it is held up by a job. */
  held: () => Promise<number>;
  /** Lets it go on, if it waits. */
  release: () => Promise<void>;
};

/** What a job begins with; those that hold it up report the process, which `held` returns. */
export type Act =
  | 'nothing'
  /** Until released. */
  | 'wait'
  | 'sleep'
  | 'spin'
  | 'stop'
  | 'ends_without_gpu'
  | 'writes_lines'
  | 'writes_a_line';

export const PROGRAM = fileURLToPath(new URL('engine.py', import.meta.url));

/** `times`: how many jobs it does so to. Default: every one. */
export type Times = { times?: 1 | number };

export async function shelledEngine(t: Cleaning, first: Act, times: Times = {}): Promise<ShelledEngine> {
  const { python } = await engineEnvironment('faster-whisper');
  const { directory, held, release } = gates(t);
  const path = join(directory, 'python');
  const act = actOf(first, directory, times).map((word) => `'${word}'`);
  writeFileSync(path, `#!/bin/sh\nexec '${python}' '${PROGRAM}' ${act.join(' ')} "$@"\n`);
  chmodSync(path, 0o755);
  return { choice: `faster-whisper?model=tiny.en&python=${path}`, held, release };
}

/** Arguments of PROGRAM; the engine's script follows. */
export const actOf = (
  first: Act,
  directory: string,
  { times = Number.POSITIVE_INFINITY }: Times,
): [act: Act, times: string, directory: string] => [first, times === 1 ? 'once' : 'always', directory];

/** Where a job that is held up says so, and waits. */
export function gates(t: Cleaning): { directory: string } & Pick<ShelledEngine, 'held' | 'release'> {
  const directory = join(temporaryDirectory(t), 'engine');
  mkdirSync(directory);
  for (const pipe of ['gate', 'held']) spawnSync('mkfifo', [join(directory, pipe)]);
  return {
    directory,
    held: async () => Number(await readFile(join(directory, 'held'), 'utf8')),
    release: () => writeFile(join(directory, 'gate'), 'go\n'),
  };
}
