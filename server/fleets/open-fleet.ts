/**
 * Fleets by URL: `local:` (the best engine found), `local:ENGINE`, `ec2:LAUNCH_TEMPLATE`, `asg:GROUP`, `none:`. Those
 * on AWS are loaded when one is used, because their clients take a while to load.
 */
import { MonitorError } from '../../protocol/errors.ts';
import { parseAsgFleetUrl, parseEc2FleetUrl } from './aws-fleet-url.ts';
import type { Fleet } from './fleet.ts';
import { LocalFleet, type LocalFleetOptions } from './local-fleet.ts';

export type OpenFleetOptions = Omit<LocalFleetOptions, 'engine'> & {
  /** Distinguishes this monitor's instances from another's: the same for all monitors of one store. */
  monitor: string;
};

export async function openFleet(url: string, { monitor, ...options }: OpenFleetOptions): Promise<Fleet> {
  if (url === 'none:') return noFleet;
  if (url.startsWith('local:')) return new LocalFleet({ ...options, engine: url.slice('local:'.length) || 'auto' });
  if (url.startsWith('ec2:')) {
    const parsed = parseEc2FleetUrl(url, monitor);
    const { Ec2Fleet } = await import('./ec2-fleet.ts');
    return Ec2Fleet.open(parsed, options);
  }
  if (url.startsWith('asg:')) {
    const parsed = parseAsgFleetUrl(url, monitor);
    const { AsgFleet } = await import('./asg-fleet.ts');
    return AsgFleet.open(parsed, options);
  }
  throw new MonitorError('invalid', 'bad_fleet_url', `unknown fleet URL ${JSON.stringify(url)}`, {
    hint: 'Use local:, local:ENGINE, ec2:LAUNCH_TEMPLATE, asg:GROUP or none:.',
  });
}

const noFleet: Fleet = {
  machines: null,
  assertLaunches() {
    throw new MonitorError('conflict', 'no_fleet', 'this monitor launches no workers', {
      hint: 'Start the monitor with --fleet local:, or start workers yourself: tmon worker --server URL',
    });
  },
  async launch() {
    noFleet.assertLaunches();
    return null;
  },
  restart: async () => false,
  terminate: async () => false,
  close: async () => undefined,
};
