/**
 * Kills an engine's process group when this process dies, in any way: kill -9 leaves us no time to do it ourselves.
 *
 * A small shell waits in a session of its own at the end of a pipe whose other end only we hold. When we write `done`,
 * it exits; when the pipe closes without it, we have died, and it kills the group. This works for every program an
 * engine runs and for all processes that stay in its group; one that starts its own session (a daemon) has left it.
 *
 * We may die between the start of the program and the word that it runs. On Linux the shell then looks for the program by a mark in its
 * environment.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';

const MARK = 'TMON_GUARDED';

// `-s KILL`, because dash does not understand `-KILL -- -1`. A program that has just been forked gets its environment a moment later.
const SCRIPT = `
trap '' INT TERM HUP
read -r leader
case $leader in
  done) exit ;;
  ?*) read -r word; [ "$word" = done ] || kill -s KILL -- "-$leader"; exit ;;
esac
for again in 1 2; do
  for process in /proc/[0-9]*; do
    grep -aqs "${MARK}=$1" "$process/environ" && kill -s KILL -- "-\${process#/proc/}"
  done
  sleep 1
done 2> /dev/null
`;

export type Guardian = {
  /** To be added to the environment of the program. */
  environment: Record<string, string>;
  /** Call as soon as the group's leader is running. */
  watch(leader: number): void;
  /** Ends the watch; call it once the group is empty, or if nothing was started. */
  release(): void;
};

/** Call before the program is started: a death between the two would leave the program running. */
export function startGuardian(): Guardian {
  const mark = randomUUID();
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'tmon-guardian', mark], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without the guardian the engine still runs, and is killed on any exit but kill -9.
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  return {
    environment: { [MARK]: mark },
    watch: (leader) => void shell.stdin.write(`${leader}\n`),
    release: () => void shell.stdin.end('done\n'),
  };
}
