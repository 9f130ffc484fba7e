/** A private PostgreSQL from the system's package. */
import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
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

/** The folder of `initdb` and `postgres`: the newest, or undefined. */
export function findPostgresql(): string | undefined {
  const version = (folder: string) => Number(/(\d+)\/bin$/.exec(folder)?.[1] ?? 0);
  const packaged = globSync('/usr/lib/postgresql/*/bin/initdb')
    .map((program) => dirname(program))
    .sort((a, b) => version(b) - version(a));
  const onPath = (process.env.PATH ?? '').split(':').filter((folder) => existsSync(join(folder, 'initdb')));
  return [...packaged, ...onPath].find((folder) => existsSync(join(folder, 'postgres')));
}

/** Why it can't be started, or `undefined` if it can. */
export function postgresqlAbsent(): string | undefined {
  return findPostgresql()
    ? undefined
    : 'PostgreSQL is not installed: `npm test` installs it as root, else apt-get install postgresql';
}

export async function startPostgresql(): Promise<DatabaseServer> {
  const programs = findPostgresql();
  if (programs === undefined) throw new Error(postgresqlAbsent());
  const user = serverUser(['postgres']);
  const directory = await databaseDirectory(user);
  const where = { cwd: directory, ...user };
  const data = join(directory, 'data');
  const port = await freePort();
  const urlOf = (name: string) => `postgres://tmon:secret@127.0.0.1:${port}/${name}`;
  const database = async (name: string) => {
    const client = new pg.Client({ connectionString: urlOf('postgres') });
    await client.connect();
    try {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
    } finally {
      await client.end();
    }
    return urlOf(name);
  };
  let running: RunningProgram | undefined;
  const start = async () => {
    running = await startProgram(
      {
        program: join(programs, 'postgres'),
        arguments: ['-D', data, '-p', String(port), '-F', '-h', '127.0.0.1', '-c', 'unix_socket_directories='],
        ready: /ready to accept connections/,
        end: 'SIGINT',
      },
      where,
    );
  };
  const kill = async () => running?.stop('SIGQUIT');
  const stop = async () => {
    await running?.stop();
    await removeDirectory(directory);
  };
  try {
    const initialise = ['-D', data, '--auth=trust', '--username=tmon', '--encoding=UTF8', '--no-locale', '--no-sync'];
    await runProgram(join(programs, 'initdb'), initialise, where);
    await start();
    return { url: await database('tmon'), database, start, kill, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
