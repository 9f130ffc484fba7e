/** Every page of the dashboard for readers of screens: what axe-core finds, and whether it fits the screen. */
import type { Browser, Page } from 'playwright-core';
import type { Cleaning } from '../processes/tmon.ts';
import { violationsOf } from './accessibility.ts';
import { openPage, type Theme } from './browser.ts';
import { type BusyFleet, END } from './busy-fleet.ts';
import type { KeyedMonitor } from './keyed-monitor.ts';
import { ADMINISTRATION, PAGES, type PageUnderTest } from './pages.ts';

/** axe's own style element, which the policy refuses: it comes from no file. */
const OF_AXE = /^console: (Applying inline style.*|policy: style-src-elem blocks inline of *)\(\)$/s;

type Look = { browser: Browser; theme: Theme; viewport: { width: number; height: number } };

/** Page → what is wrong with it; empty if nothing is. */
export async function problemsOfPages(t: Cleaning, { fleet, ...look }: Look & { fleet: BusyFleet }) {
  const page = await open(t, fleet.url, look);
  return problemsOf(page, { pages: PAGES, fleet });
}

/** The same of the pages of administrators. */
export async function problemsOfAdministration(t: Cleaning, { keyed, ...look }: Look & { keyed: KeyedMonitor }) {
  const page = await open(t, keyed.url, look);
  await keyed.signIn(page);
  return problemsOf(page, { pages: ADMINISTRATION, fleet: { heard: [], hung: '' } });
}

const open = (t: Cleaning, url: string, { browser, theme, viewport }: Look): Promise<Page> =>
  openPage(t, browser, url, { theme, viewport, time: END, expected: OF_AXE });

type Pages = { pages: readonly PageUnderTest[]; fleet: Pick<BusyFleet, 'heard' | 'hung'> };

async function problemsOf(page: Page, { pages, fleet }: Pages): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const { name, path, prepare } of pages) {
    await page.goto(path(fleet));
    await prepare(page);
    const violations = await violationsOf(page);
    if (violations.length > 0) found[name] = violations;
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    if (Number(overflow) > 0) found[name] = [...(found[name] ?? []), `it is ${overflow} pixels too wide`];
  }
  return found;
}
