/** Prometheus and promtool, from Debian's package. Starts no service; tests start their own (test/servers/prometheus.ts). */
import { findPrometheus } from '../servers/prometheus.ts';
import { installPackages } from './debian-packages.ts';
import type { SetupStep } from './step.ts';

export const prometheus: SetupStep = {
  name: 'Prometheus',
  async run() {
    if (findPrometheus() === undefined) await installPackages(['prometheus']);
    return findPrometheus()?.server ?? 'installed, and not found';
  },
};
