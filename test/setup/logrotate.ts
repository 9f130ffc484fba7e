/** logrotate, from Debian's package: rotates the logs of the tests, and nothing else. */
import { existsSync } from 'node:fs';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

const PROGRAMS = ['/usr/sbin/logrotate', '/usr/bin/logrotate', '/opt/homebrew/sbin/logrotate'];

export const findLogrotate = (): string | undefined => PROGRAMS.find((path) => existsSync(path));

export const logrotate: SetupStep = {
  name: 'logrotate',
  async run() {
    if (findLogrotate() === undefined) await installPackages(['logrotate']);
    return findLogrotate() ?? 'installed, and not found';
  },
};
