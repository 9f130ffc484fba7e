/** The dashboard for some of the roles; for all of them, with every button clicked: `node test/browser/roles-main.ts`. */
import { after, test } from 'node:test';
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { hashOfKey } from '../../server/access/secrets.ts';
import { JumpingClock } from '../servers/jumping-clock.ts';
import { ADMIN_KEY, openMonitor } from '../servers/monitor.ts';
import { openBrowser, skipped } from './browser.ts';
import { ROLES, tourAs } from './role-tour.ts';

const clock = new JumpingClock();
if (!skipped) await buildDashboard();
const monitor = skipped ? null : await openMonitor({ after }, { clock, admin_key_hash: hashOfKey(ADMIN_KEY) });
const browser = skipped ? null : await openBrowser({ after });

for (const name of ['read', 'submit, one tag', 'worker']) {
  test(`${name}: nothing is offered or asked for that is refused`, { skip: skipped }, async (t) => {
    await tourAs(t, ROLES[name]!, { browser: browser!, monitor: monitor!, clock, act: name.startsWith('submit') });
  });
}
