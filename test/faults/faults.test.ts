import { test } from 'node:test';
import { CUT, KILLED, SLEEPS } from './faults.ts';
import { playFaults } from './play.ts';

/** The others are played by `npm run faults`. */
test(
  '[B110] a killed worker, a cut network and an engine that sleeps are found in time, and a healthy job beside them gets no verdict',
  {
    timeout: 230_000,
  },
  (t) => playFaults(t, [KILLED, CUT, SLEEPS]),
);
