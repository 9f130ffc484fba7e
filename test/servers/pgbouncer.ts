/** A private PgBouncer in front of a PostgreSQL: transaction pooling, otherwise its default settings. */
import { existsSync } from 'node:fs';
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleaning } from '../processes/tmon.ts';
import { databaseDirectory, removeDirectory, serverUser, startProgram } from './database.ts';
import { freePort } from './start.ts';

const PROGRAM = '/usr/sbin/pgbouncer';

export const findPgbouncer = (): string | undefined => (existsSync(PROGRAM) ? PROGRAM : undefined);

/** Why it can't be started, or `undefined` if it can. */
export const pgbouncerAbsent = (): string | undefined =>
  findPgbouncer()
    ? undefined
    : 'PgBouncer is not installed: `npm test` installs it as root, else apt-get install pgbouncer';

/** Returns its URL for the database at `url`. Stopped with the test. */
export async function startPgbouncer(t: Cleaning, url: string): Promise<string> {
  const { hostname, port: serverPort, username, pathname } = new URL(url);
  const user = serverUser(['postgres']);
  const directory = await databaseDirectory(user);
  const port = await freePort();
  const settings = join(directory, 'pgbouncer.ini');
  await writeFile(
    settings,
    `[databases]
* = host=${hostname} port=${serverPort} user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
`,
  );
  if (user) await chown(settings, user.uid, user.gid);
  const running = await startProgram(
    { program: PROGRAM, arguments: [settings], ready: /process up/, end: 'SIGINT' },
    { cwd: directory, ...user },
  );
  t.after(async () => {
    await running.stop();
    await removeDirectory(directory);
  });
  return `postgres://${username}:secret@127.0.0.1:${port}${pathname}`;
}
