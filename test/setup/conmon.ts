/** conmon, from Debian's package: keeps the log of a container that a test makes. */
import { conmonAbsent } from '../servers/conmon.ts';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

export const conmon: SetupStep = {
  name: 'conmon',
  async run() {
    if (conmonAbsent() !== undefined) await installPackages(['conmon']);
    return conmonAbsent() ?? 'installed';
  },
};
