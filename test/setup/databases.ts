/**
 * PostgreSQL and MariaDB from Debian's packages: installed if we are root and apt-get exists, otherwise only searched
 * for. Starts no service; each test starts a private instance (test/servers/database.ts).
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { findMariadb } from '../servers/mariadb.ts';
import { findPostgresql } from '../servers/postgresql.ts';
import type { SetupStep } from './step.ts';

/** MariaDB: the server without the service, the user and the start that `mariadb-server` adds. */
const WANTED = [
  { names: ['postgresql'], find: findPostgresql },
  { names: ['mariadb-server-core', 'mariadb-client-core'], find: findMariadb },
];

const INSTALL_WITHIN_MS = 8 * 60_000;
/** Read by invoke-rc.d: prevents packages from starting their service. */
const POLICY = '/usr/sbin/policy-rc.d';

export const databases: SetupStep = {
  name: 'databases',
  async run() {
    const missing = WANTED.filter(({ find }) => find() === undefined).flatMap(({ names }) => names);
    if (missing.length > 0) await install(missing);
    return WANTED.map(({ find }) => find()).join(', ');
  },
};

async function install(packages: readonly string[]): Promise<void> {
  const command = `apt-get install ${packages.join(' ')}`;
  if (process.getuid?.() !== 0) throw new Error(`we are not root; \`sudo ${command}\` brings what is missing`);
  if (!existsSync('/usr/bin/apt-get')) throw new Error(`there is no apt-get for \`${command}\``);
  await withoutServices(async () => {
    const arguments_ = ['install', '-y', '--no-install-recommends', ...packages];
    try {
      await aptGet(arguments_);
    } catch {
      // The package lists of a new image are empty; old ones name packages that no longer exist.
      await aptGet(['update']);
      await aptGet(arguments_);
    }
  });
}

async function aptGet(arguments_: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=240', ...arguments_], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      timeout: INSTALL_WITHIN_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    const said = ((error as { stderr?: string }).stderr ?? '').trim().split('\n').at(-1);
    throw new Error(`apt-get ${arguments_.join(' ')}: ${said || (error as Error).message}`, { cause: error });
  }
}

async function withoutServices(run: () => Promise<void>): Promise<void> {
  if (existsSync(POLICY)) return run();
  await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await run();
  } finally {
    await rm(POLICY, { force: true });
  }
}
