/**
 * Time passes: submits a tick when a timer is due, and now and then for the alerts. A tick that finds nothing to do makes
 * no segment, so an idle fleet costs nothing.
 *
 * After a start, and after a time in which the store took no writes, leases and silences are spared for one lease: no worker
 * could be heard.
 */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { newId, newUlid } from '../ids.ts';
import { UNREMEMBERED } from '../state-machine/apply.ts';
import { nextDue } from '../state-machine/decide-time.ts';
import { Duty } from './duty.ts';

/** Alert rules, and what has no timer, are looked at this often. */
const ALERTS_MS = 5_000;
/** A queue of many due timers is worked off in ticks this far apart. */
const SOONEST_MS = 20;
const LATEST_MS = 1_000;
/** Alerts that one tick may raise. */
const ALERT_IDS = 8;

export function ticking(engine: Engine, clock: Clock, log: (level: 'warn', message: string) => void): Duty {
  let spared_until_ms = clock.monotonic() + engine.policy.lease_ms;
  let alerts_ms = 0;
  return new Duty({
    name: 'ticking',
    clock,
    failure_ms: LATEST_MS,
    log,
    async run() {
      if (!engine.journal.status.writable) spared_until_ms = clock.monotonic() + engine.policy.lease_ms;
      const expire = clock.monotonic() >= spared_until_ms;
      const wait_ms = (nextDue(engine.state) ?? Number.POSITIVE_INFINITY) - engine.journal.now();
      const alerts = clock.monotonic() >= alerts_ms;
      if ((wait_ms <= 0 || alerts) && engine.journal.status.writable) {
        alerts_ms = clock.monotonic() + ALERTS_MS;
        const ids = Array.from({ length: ALERT_IDS }, () => newId('alert'));
        const before = engine.state.seq;
        await engine.submit({
          id: `${UNREMEMBERED}${newUlid()}`,
          fingerprint: '',
          actor: 'monitor',
          body: { type: 'tick', ids, expire },
        });
        // What came of it may be worth an alert.
        if (engine.state.seq !== before) alerts_ms = 0;
        // Nothing came of what is due: it is spared, and need not be asked for again at once.
        else if (wait_ms <= 0) return { again_ms: LATEST_MS };
      }
      const next_ms = (nextDue(engine.state) ?? Number.POSITIVE_INFINITY) - engine.journal.now();
      return { again_ms: Math.min(LATEST_MS, Math.max(SOONEST_MS, next_ms)) };
    },
  });
}
