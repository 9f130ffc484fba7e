/** Every page of the dashboard for readers of screens: what axe-core finds, and whether it fits the screen. */
import type { Browser } from 'playwright-core';
import type { Cleaning } from '../processes/tmon.ts';
import { violationsOf } from './accessibility.ts';
import { openPage, type Theme } from './browser.ts';
import { type BusyFleet, END } from './busy-fleet.ts';
import { PAGES } from './pages.ts';

/** axe's own style element, which the policy refuses: it comes from no file. */
const OF_AXE = /^console: (Applying inline style.*|policy: style-src-elem blocks inline of *)\(\)$/s;

type Shown = { browser: Browser; fleet: BusyFleet; theme: Theme; viewport: { width: number; height: number } };

/** Page → what is wrong with it; empty if nothing is. */
export async function problemsOfPages(t: Cleaning, { browser, fleet, theme, viewport }: Shown) {
  const page = await openPage(t, browser, fleet.url, { theme, viewport, time: END, expected: OF_AXE });
  const found: Record<string, string[]> = {};
  for (const { name, path, prepare } of PAGES) {
    await page.goto(path(fleet));
    await prepare(page);
    const violations = await violationsOf(page);
    if (violations.length > 0) found[name] = violations;
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    if (Number(overflow) > 0) found[name] = [...(found[name] ?? []), `it is ${overflow} pixels too wide`];
  }
  return found;
}
