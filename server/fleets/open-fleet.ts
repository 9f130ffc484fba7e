/** Fleets by URL: `local:` (the best engine found), `local:ENGINE`, `none:`. */
import { MonitorError } from '../../protocol/errors.ts';
import type { Fleet } from './fleet.ts';
import { LocalFleet, type LocalFleetOptions } from './local-fleet.ts';

export function openFleet(url: string, options: Omit<LocalFleetOptions, 'engine'>): Fleet {
  if (url === 'none:') return noFleet;
  if (url.startsWith('local:')) return new LocalFleet({ ...options, engine: url.slice('local:'.length) || 'auto' });
  throw new MonitorError('invalid', 'bad_fleet_url', `unknown fleet URL ${JSON.stringify(url)}`, {
    hint: 'Use local:, local:ENGINE or none:.',
  });
}

const noFleet: Fleet = {
  assertLaunches() {
    throw new MonitorError('conflict', 'no_fleet', 'this monitor launches no workers', {
      hint: 'Start the monitor with --fleet local:, or start workers yourself: tmon worker --server URL',
    });
  },
  launch: async () => noFleet.assertLaunches(),
  restart: async () => false,
  terminate: async () => false,
  close: async () => undefined,
};
