/** Packages of Debian that tests need: installed if we are root and apt-get is there. No service is started by it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const INSTALL_WITHIN_MS = 8 * 60_000;
/** Read by invoke-rc.d: a package that would start its service may not. */
const POLICY = '/usr/sbin/policy-rc.d';

let installing: Promise<unknown> = Promise.resolve();

/** One call after the other, since apt-get locks its lists. Rejects with what the user can do. */
export function installPackages(packages: readonly string[]): Promise<void> {
  const done = installing.then(() => install(packages));
  installing = done.catch(() => undefined);
  return done;
}

async function install(packages: readonly string[]): Promise<void> {
  const command = `apt-get install ${packages.join(' ')}`;
  if (process.getuid?.() !== 0) throw new Error(`we are not root; \`sudo ${command}\` brings what is missing`);
  if (!existsSync('/usr/bin/apt-get')) throw new Error(`there is no apt-get for \`${command}\``);
  await withoutServices(async () => {
    const arguments_ = ['install', '-y', '--no-install-recommends', ...packages];
    try {
      await aptGet(arguments_);
    } catch {
      // The lists of a fresh image are empty, those of an old one name packages that are gone.
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
