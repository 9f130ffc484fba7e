/**
 * `node test/browser/accessible-main.ts`: every page of the dashboard in both themes, 1440 and 390 pixels wide; two of these four
 * are part of `npm test`. Prints what is wrong with each page; exit code 1 if anything is.
 */
import { buildDashboard } from '../../installation/built-dashboard.ts';
import { problemsOfAdministration, problemsOfPages } from './accessible-pages.ts';
import { NARROW, openBrowser, WIDE } from './browser.ts';
import { openBusyFleet } from './busy-fleet.ts';
import { openKeyedMonitor } from './keyed-monitor.ts';

const cleaning: (() => unknown)[] = [];
const t = { after: (run: () => unknown) => void cleaning.unshift(run) };
let wrong = 0;
try {
  await buildDashboard();
  const fleet = await openBusyFleet(t);
  const keyed = await openKeyedMonitor(t);
  const browser = await openBrowser(t);
  for (const theme of ['dark', 'light'] as const) {
    for (const viewport of [WIDE, NARROW]) {
      const problems = {
        ...(await problemsOfPages(t, { browser, fleet, theme, viewport })),
        ...(await problemsOfAdministration(t, { browser, keyed, theme, viewport })),
      };
      for (const [page, found] of Object.entries(problems)) {
        wrong += 1;
        console.log(`${theme}, ${viewport.width}: ${page}: ${found.join('; ')}`);
      }
    }
  }
  console.log(wrong === 0 ? 'no page has a problem' : `${wrong} pages with problems`);
} finally {
  for (const run of cleaning) await run();
}
process.exit(wrong === 0 ? 0 : 1);
