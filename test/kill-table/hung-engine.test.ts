/** Engines that hang: each is killed within its limit, and another worker transcribes. */
import { test } from 'node:test';
import { extent } from '../thorough.ts';
import { TMON_WORKER } from './scene.ts';
import { HANGS, playHang } from './table.ts';

for (const [how, first] of HANGS.slice(0, extent(3, 1))) {
  test(
    `an engine that ${how} is killed after --stall-timeout, without an attempt, and another worker transcribes`,
    {
      timeout: 230_000,
    },
    (t) => playHang(t, TMON_WORKER, first),
  );
}
