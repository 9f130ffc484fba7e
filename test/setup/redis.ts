/** Redis, from Debian's package. Starts no service; each test starts a private instance (test/servers/redis.ts). */
import { findRedis } from '../servers/redis.ts';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

export const redis: SetupStep = {
  name: 'Redis',
  async run() {
    if (findRedis() === undefined) await installPackages(['redis-server']);
    return findRedis() ?? 'installed, and not found';
  },
};
