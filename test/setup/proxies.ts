/** The reverse proxies of deploy/proxies that Debian has. Starts no service; tests start their own. */
import { existsSync } from 'node:fs';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

export const PROXIES = {
  nginx: '/usr/sbin/nginx',
  caddy: '/usr/bin/caddy',
  haproxy: '/usr/sbin/haproxy',
  apache: '/usr/sbin/apache2',
};

export const proxies: SetupStep = {
  name: 'nginx, Caddy, HAProxy and Apache',
  async run() {
    // The program of Apache without its service.
    const packages = ['nginx-light', 'caddy', 'haproxy', 'apache2-bin'];
    if (!Object.values(PROXIES).every(existsSync)) await installPackages(packages);
    return Object.values(PROXIES).join(', ');
  },
};
