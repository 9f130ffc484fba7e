/**
 * faster-whisper with a shell in front: the shell does something wrong first, or waits, and becomes the real engine, in the same
 * process. Only jobs load the model: the shell reports the capabilities itself.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { engineEnvironment } from '../../agent/engines/private-python.ts';
import { type Cleaning, temporaryDirectory } from '../processes/tmon.ts';

const CAPABILITIES =
  '{"event": "capabilities", "model": "tiny.en", "device": "cpu", "gpu_optimized": false, "batch_size": 1}';

export type ShelledEngine = {
  /** For `tmon worker --engine`. */
  choice: string;
  /** Its process, once a job has started it and it is held up. */
  held: () => Promise<number>;
  /** Lets it go on, if it waits. */
  release: () => Promise<void>;
};

/** Shell commands that a job's engine begins with. `hold` reports the process, which `held` returns. */
export const DO = {
  nothing: ':',
  /** Until released. */
  wait: 'hold; read line < "$dir/gate"',
  sleep: 'hold; exec sleep 100000',
  spin: 'hold; while :; do :; done',
  stop: 'hold; kill -STOP $$',
  ends_without_gpu: 'echo "RuntimeError: CUDA failed with error no CUDA-capable device is detected" >&2; exit 1',
  writes_lines: 'yes "a line that a library has to say" | head -c 104857600 >&2',
  writes_a_line: 'head -c 104857600 /dev/zero | tr "\\0" x >&2',
} as const;

/** `times`: how many jobs it does so to. Default: every one. */
export async function shelledEngine(
  t: Cleaning,
  first: keyof typeof DO,
  { times = Number.POSITIVE_INFINITY }: { times?: 1 | number } = {},
): Promise<ShelledEngine> {
  const { python } = await engineEnvironment('faster-whisper');
  const directory = join(temporaryDirectory(t), 'engine');
  mkdirSync(directory);
  for (const pipe of ['gate', 'held']) spawnSync('mkfifo', [join(directory, pipe)]);
  const path = join(directory, 'python');
  const act = times === 1 ? `if mkdir "$dir/done" 2>/dev/null; then ${DO[first]}; fi` : DO[first];
  writeFileSync(
    path,
    `#!/bin/sh
dir='${directory}'
hold() { echo $$ > "$dir/held"; }
if [ "$2" = capabilities ]; then echo '${CAPABILITIES}'; exit; fi
${act}
exec '${python}' "$@"
`,
  );
  chmodSync(path, 0o755);
  return {
    choice: `faster-whisper?model=tiny.en&python=${path}`,
    held: async () => Number(await readFile(join(directory, 'held'), 'utf8')),
    release: () => writeFile(join(directory, 'gate'), 'go\n'),
  };
}
