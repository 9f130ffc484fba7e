/**
 * PostgreSQL, PgBouncer and MariaDB from Debian's packages, installed if possible (see debian-packages.ts). Starts no service;
 * each test starts a private instance (test/servers/database.ts).
 */
import { findMariadb } from '../servers/mariadb.ts';
import { findPgbouncer } from '../servers/pgbouncer.ts';
import { findPostgresql } from '../servers/postgresql.ts';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

/** MariaDB: the server without the service, the user and the start that `mariadb-server` adds. */
const WANTED = [
  { names: ['postgresql'], find: findPostgresql },
  { names: ['pgbouncer'], find: findPgbouncer },
  { names: ['mariadb-server-core', 'mariadb-client-core'], find: findMariadb },
];

export const databases: SetupStep = {
  name: 'databases',
  async run() {
    const missing = WANTED.filter(({ find }) => find() === undefined).flatMap(({ names }) => names);
    if (missing.length > 0) await installPackages(missing);
    return WANTED.map(({ find }) => find()).join(', ');
  },
};
