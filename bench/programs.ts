/**
 * The programs that the others need: bench/node_modules, redis-server, PostgreSQL. Found, installed if possible, or
 * reported as missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Programs = {
  /** `redis-server`; null if not installed. */
  redis: string | null;
  /** The folder of `initdb` and `postgres`; null if not installed. */
  postgresql: string | null;
};

type Say = (line: string) => void;

const here = fileURLToPath(new URL('.', import.meta.url));

export function preparePrograms(say: Say): Programs {
  installPackages(say);
  const wanted = [
    { name: 'redis-server', find: findRedis },
    { name: 'postgresql', find: findPostgresql },
  ];
  const missing = wanted.filter(({ find }) => find() === null).map(({ name }) => name);
  if (missing.length > 0) installFromDebian(missing, say);
  const programs = { redis: findRedis(), postgresql: findPostgresql() };
  if (programs.redis === null)
    say('redis-server is missing: no BullMQ. Install it (apt-get install redis-server) and run this again.');
  if (programs.postgresql === null)
    say('PostgreSQL is missing: no job_status table. Install it (apt-get install postgresql) and run this again.');
  return programs;
}

function installPackages(say: Say): void {
  if (existsSync(join(here, 'node_modules', 'bullmq')) && existsSync(join(here, 'node_modules', 'undici'))) return;
  say('installing what the benchmark needs into bench/node_modules');
  const { status } = spawnSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], {
    cwd: here,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new Error('npm install failed in bench/: the benchmark needs undici, ioredis, bullmq and pg');
}

function installFromDebian(names: string[], say: Say): void {
  if (process.getuid?.() !== 0 || findInPath('apt-get') === null) return;
  say(`installing ${names.join(' and ')} through apt-get`);
  // RUNLEVEL=1: the packages do not start their services.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = () =>
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...names], { env, stdio: ['ignore', 2, 2] });
  if (install().status === 0) return;
  spawnSync('apt-get', ['update'], { env, stdio: ['ignore', 2, 2] });
  install();
}

function findRedis(): string | null {
  return findInPath('redis-server');
}

function findPostgresql(): string | null {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...pathFolders()];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) ?? null;
}

function findInPath(name: string): string | null {
  return (
    pathFolders()
      .map((folder) => join(folder, name))
      .find((path) => existsSync(path)) ?? null
  );
}

function pathFolders(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
}
