/**
 * Kills an engine's process group when this process dies, in any way: kill -9 leaves us no time to do it ourselves.
 *
 * A small shell waits in a session of its own at the end of a pipe whose other end only we hold. When we write `done`,
 * it exits; when the pipe closes without it, we have died, and it kills the group. This works for every program an
 * engine runs and for all processes that stay in its group; one that starts its own session (a daemon) has left it.
 */
import { spawn } from 'node:child_process';

// `-s KILL`, because dash does not understand `-KILL -- -1`.
const SCRIPT = `trap '' INT TERM HUP; read -r leader || exit 0; read -r word; [ "$word" = done ] || kill -s KILL -- "-$leader"`;

export type Guardian = {
  /** Call as soon as the group's leader is running. */
  watch(leader: number): void;
  /** Ends the watch; call it once the group is empty, or if nothing was started. */
  release(): void;
};

/** Call before the program is started: a death between the two would leave the program running. */
export function startGuardian(): Guardian {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'tmon-guardian'], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without the guardian the engine still runs, and is killed on any exit but kill -9.
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  let watching = false;
  return {
    watch(leader) {
      watching = true;
      shell.stdin.write(`${leader}\n`);
    },
    release: () => void shell.stdin.end(watching ? 'done\n' : ''),
  };
}
