/** ffmpeg, sox and espeak-ng, from Debian's packages: recordings of every kind, and a decoder to compare with. */
import { findProgram } from '../../agent/engines/find-program.ts';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

const PROGRAMS = ['ffmpeg', 'sox', 'espeak-ng'];

export const audioPrograms: SetupStep = {
  name: 'audio programs',
  async run() {
    const found = await Promise.all(PROGRAMS.map(findProgram));
    const missing = PROGRAMS.filter((_, index) => found[index] === null);
    if (missing.length > 0) await installPackages(missing);
    return PROGRAMS.join(', ');
  },
};
