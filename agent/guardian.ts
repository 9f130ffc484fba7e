/**
 * Kills an engine's process group when this process dies, however it dies: kill -9 leaves us no time to do it ourselves.
 *
 * A shell of a few hundred kilobytes waits in a session of its own at the end of a pipe whose other end is ours alone. When we say
 * `done` it leaves; when the pipe closes without a word, we are dead, and it kills the group. That holds for every engine alike, for
 * whatever program it runs and all that stays in its group; one that makes a session of its own (a daemon) has left it.
 */
import { spawn } from 'node:child_process';

// `-s KILL`, for dash takes `-KILL -- -1` for three mistakes.
const SCRIPT = `trap '' INT TERM HUP; read -r word; [ "$word" = done ] || kill -s KILL -- "-$1"`;

/** Call as soon as the group's leader runs. The answer ends the watch; call it once the group is empty. */
export function guardGroup(leader: number): () => void {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'tmon-guardian', String(leader)], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without it the engine still runs, and is still killed by every end of ours but kill -9.
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  return () => shell.stdin.end('done\n');
}
