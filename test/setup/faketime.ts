/** libfaketime, from Debian's package: sets the clock of a process that a test starts. */
import { findFaketime } from '../servers/faketime.ts';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

export const faketime: SetupStep = {
  name: 'libfaketime',
  async run() {
    if (findFaketime() === undefined) await installPackages(['libfaketime']);
    return findFaketime() ?? 'installed, and not found';
  },
};
