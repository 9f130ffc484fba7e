/**
 * A monitor in this process on a given store, over real HTTP; its log is kept. Time stands still unless the test
 * advances the clock.
 */
import type { Clock } from '../../server/clock.ts';
import { readSettings, type Settings } from '../../server/config.ts';
import { startMonitor } from '../../server/main.ts';
import type { ObjectStore } from '../../server/objects/store.ts';
import { Caller } from '../servers/monitor.ts';

export type LoggedMonitor = Caller & { stop(): Promise<void> };

export type LoggedOptions = { store: ObjectStore; clock: Clock; settings: Partial<Settings>; log?: string[] };

export async function openLogged({ store, clock, settings, log = [] }: LoggedOptions): Promise<LoggedMonitor> {
  const options = { store: 'memory:', listen: '127.0.0.1:0', fleet: 'none:', ...settings };
  const running = await startMonitor(readSettings(options, {}), {
    clock,
    store,
    log: (level, message) => void log.push(`${level}: ${message}`),
  });
  return Object.assign(new Caller(running.url), { stop: () => running.stop() });
}
