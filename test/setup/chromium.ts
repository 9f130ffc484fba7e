/** A Chromium for tests of the dashboard: the one on PATH, or else Debian's package. */
import { findProgram } from '../../agent/engines/find-program.ts';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

export async function findChromium(): Promise<string | null> {
  for (const name of NAMES) {
    const path = await findProgram(name);
    if (path !== null) return path;
  }
  return null;
}

export const chromium: SetupStep = {
  name: 'chromium',
  async run() {
    // The fonts are for recordings with Chinese and Japanese names.
    if ((await findChromium()) === null) await installPackages(['chromium', 'fonts-droid-fallback']);
    return (await findChromium()) ?? 'installed';
  },
};
