/** A PostgreSQL with its defaults, `fsync` and `synchronous_commit` on: a commit returns once it is on the disk. */
import { execFile } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { childrenOf, cpuSecondsOf, freePort, type RunningServer, startProgram, untilReady } from './server.ts';

const run = promisify(execFile);

/** `programs`: the folder that holds `initdb` and `postgres`. */
export async function startPostgresql(folder: string, programs: string): Promise<RunningServer> {
  const port = await freePort();
  const owner = await serverUser();
  if (owner) await chown(folder, owner.uid, owner.gid);
  const data = join(folder, 'data');
  const initialise = ['-D', data, '--auth=trust', '--username=bench', '--encoding=UTF8', '--no-locale'];
  await run(join(programs, 'initdb'), initialise, { cwd: folder, ...owner });
  const postgres = startProgram(join(programs, 'postgres'), {
    arguments: ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    cwd: folder,
    ...owner,
  });
  await untilReady(postgres, async () => postgres.output().includes('ready to accept connections'));
  return {
    url: `postgres://bench@127.0.0.1:${port}/postgres`,
    pid: postgres.pid,
    cpuSeconds: () => [postgres.pid, ...childrenOf(postgres.pid)].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    // Its processes are many, and idle without requests.
    pause: () => undefined,
    resume: () => undefined,
    // SIGINT: a fast, orderly shutdown.
    stop: () => postgres.stop('SIGINT'),
  };
}

/** PostgreSQL refuses to run as root: then it runs as the user its package made, or as nobody. */
async function serverUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      // No such user.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody');
}
