/** nginx and Caddy, from Debian's packages, for deploy/proxies. Starts no service; tests start their own. */
import { existsSync } from 'node:fs';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

export const PROXIES = { nginx: '/usr/sbin/nginx', caddy: '/usr/bin/caddy' };

export const proxies: SetupStep = {
  name: 'nginx and Caddy',
  async run() {
    if (!Object.values(PROXIES).every(existsSync)) await installPackages(['nginx-light', 'caddy']);
    return Object.values(PROXIES).join(', ');
  },
};
