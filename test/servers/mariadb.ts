/** A private MariaDB from the system's package. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import {
  type DatabaseServer,
  databaseDirectory,
  type RunningProgram,
  removeDirectory,
  runProgram,
  serverUser,
  startProgram,
} from './database.ts';
import { freePort } from './start.ts';

const FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

const find = (name: string) =>
  [...FOLDERS, ...(process.env.PATH ?? '').split(':')]
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** The server's program, or undefined. */
export function findMariadb(): string | undefined {
  return find('mariadb-install-db') && find('my_print_defaults') && find('mariadbd');
}

/** Why it can't be started, or `undefined` if it can. */
export function mariadbAbsent(): string | undefined {
  return findMariadb()
    ? undefined
    : 'MariaDB is not installed: `npm test` installs it as root, else apt-get install mariadb-server';
}

export async function startMariadb(): Promise<DatabaseServer> {
  const program = findMariadb();
  if (program === undefined) throw new Error(mariadbAbsent());
  const user = serverUser(['mysql']);
  const directory = await databaseDirectory(user);
  const where = { cwd: directory, ...user };
  const data = join(directory, 'data');
  const port = await freePort();
  const urlOf = (name: string) => `mysql://tmon:secret@127.0.0.1:${port}/${name}`;
  const database = async (name: string) => {
    const connection = await createConnection(urlOf(''));
    try {
      await connection.query('CREATE DATABASE ??', [name]);
    } finally {
      await connection.end();
    }
    return urlOf(name);
  };
  let running: RunningProgram | undefined;
  const start = async () => {
    running = await startProgram(
      {
        program,
        arguments: [
          '--no-defaults',
          `--datadir=${data}`,
          `--port=${port}`,
          '--bind-address=127.0.0.1',
          `--socket=${join(directory, 'sock')}`,
          `--pid-file=${join(directory, 'pid')}`,
          `--init-file=${join(directory, 'users.sql')}`,
          '--innodb-flush-log-at-trx-commit=2',
          '--innodb-buffer-pool-size=16M',
        ],
        ready: /ready for connections/,
        end: 'SIGTERM',
      },
      where,
    );
  };
  const kill = async () => running?.stop('SIGKILL');
  const stop = async () => {
    await running?.stop();
    await removeDirectory(directory);
  };
  try {
    await writeFile(join(directory, 'users.sql'), USERS);
    const initialise = [
      '--no-defaults',
      `--datadir=${data}`,
      '--skip-test-db',
      '--auth-root-authentication-method=normal',
    ];
    await runProgram(find('mariadb-install-db')!, initialise, where);
    await start();
    return { url: await database('tmon'), database, start, kill, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Run at every start. */
const USERS = `\
CREATE USER IF NOT EXISTS 'tmon'@'%' IDENTIFIED BY 'secret';
GRANT ALL ON *.* TO 'tmon'@'%';
`;
