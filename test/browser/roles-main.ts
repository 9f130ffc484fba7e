/**
 * `node test/browser/roles-main.ts`: the dashboard for every role, on every page, with every button clicked. Exit code 1 if a role
 * is offered something that is refused.
 */
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { hashOfKey } from '../../server/access/secrets.ts';
import { JumpingClock } from '../servers/jumping-clock.ts';
import { ADMIN_KEY, openMonitor } from '../servers/monitor.ts';
import { openBrowser } from './browser.ts';
import { ROLES, tourAs } from './role-tour.ts';

const cleaning: (() => unknown)[] = [];
const t = { after: (run: () => unknown) => void cleaning.unshift(run) };
let wrong = 0;
try {
  await buildDashboard();
  const browser = await openBrowser(t);
  for (const [name, role] of Object.entries(ROLES)) {
    const clock = new JumpingClock();
    const monitor = await openMonitor(t, { clock, admin_key_hash: hashOfKey(ADMIN_KEY) });
    try {
      await tourAs(t, role, { browser, monitor, clock, act: true });
      console.log(`${name}: all that is offered is allowed`);
    } catch (error) {
      wrong += 1;
      console.log(`${name}: ${(error as Error).message}`);
    }
  }
} finally {
  for (const run of cleaning) await Promise.resolve(run()).catch(() => undefined);
}
process.exit(wrong === 0 ? 0 : 1);
