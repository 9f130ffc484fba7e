/**
 * A private systemd-journald for a test: its sockets and its journal are on file systems of a mount namespace of its own, so that
 * the machine's journal is neither read nor written.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Cleaning } from '../processes/tmon.ts';

const PROGRAM = '/lib/systemd/systemd-journald';

const START = `
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir /run/systemd
(for try in $(seq 1000); do [ -S /run/systemd/journal/stdout ] && echo ready && exit; sleep 0.02; done) &
exec ${PROGRAM} 2>&1
`;

/** Why it can't be started, or undefined if it can. */
export function journaldAbsent(): string | undefined {
  if (!existsSync(PROGRAM)) return 'systemd-journald is not there: apt-get install systemd';
  return process.getuid?.() === 0 ? undefined : 'systemd-journald needs root, and a mount namespace';
}

export type Journald = {
  /** For a shell: runs what follows it where this journal is the machine's. */
  inside: string;
  /** Runs a shell's script there, and returns its output. */
  run(script: string): Promise<Buffer>;
};

/** Stopped with the test. */
export async function startJournald(t: Cleaning): Promise<Journald> {
  const child = spawn('unshare', ['--mount', 'bash', '-c', START], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const kill = () => child.kill('SIGTERM');
  process.once('exit', kill);
  t.after(async () => {
    process.off('exit', kill);
    kill();
    await closed;
  });
  const lines = createInterface(child.stdout);
  const first = await Promise.race([once(lines, 'line'), closed.then(() => ['it ended'])]);
  if (first[0] !== 'ready') throw new Error(`systemd-journald did not start: ${first[0]}`);
  // unshare has become the shell, and that the program.
  const inside = `nsenter --target ${child.pid} --mount`;
  return {
    inside,
    async run(script) {
      const { stdout } = await promisify(execFile)('sh', ['-c', `exec ${inside} bash -euo pipefail -c "$SCRIPT"`], {
        env: { ...process.env, SCRIPT: script },
        encoding: 'buffer',
        maxBuffer: 64 * 1024 * 1024,
      });
      return stdout;
    },
  };
}
