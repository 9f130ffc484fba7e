/**
 * A real browser for tests of the dashboard: one Chromium for a file, a fresh profile for each page. A test fails on any error of the
 * page, message of the console, violation of the policy, or request to another origin.
 */
import assert from 'node:assert/strict';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Cleaning } from '../processes/tmon.ts';
import { findChromium } from '../setup/chromium.ts';

export const WIDE = { width: 1440, height: 1010 };
export const NARROW = { width: 390, height: 844 };

/** On a busy machine everything takes longer. */
const PATIENCE_MS = 90_000;

export type Theme = 'dark' | 'light';

export type PageOptions = {
  theme?: Theme;
  viewport?: { width: number; height: number };
  /** The time that the page sees; by default that of the machine. */
  time?: string;
  /** Problems that the test causes itself, such as requests that fail while the monitor is away. */
  expected?: RegExp;
};

/** Why tests in a browser are skipped; undefined if there is one. */
export const skipped =
  (await findChromium()) === null ? 'there is no Chromium; `apt-get install chromium` brings one' : undefined;

export async function openBrowser(t: Cleaning): Promise<Browser> {
  const executablePath = (await findChromium())!;
  const root = process.getuid?.() === 0;
  const browser = await chromium.launch({
    executablePath,
    args: [
      ...(root ? ['--no-sandbox'] : []),
      '--autoplay-policy=no-user-gesture-required',
      '--font-render-hinting=none',
    ],
  });
  t.after(() => browser.close());
  return browser;
}

/** The console of a page does not have them. */
const REPORT_VIOLATIONS = `addEventListener('securitypolicyviolation', (event) => {
  console.error('policy: ' + event.violatedDirective + ' blocks ' + event.blockedURI + ' of ' + event.sourceFile);
});`;

export type WatchedPage = Page & {
  /** What went wrong so far. */
  problems: string[];
  /** Closes it, before its monitor stops, and throws if anything went wrong in it. */
  end(): Promise<void>;
};

/** A page in its own profile, closed with the test, which then fails if anything went wrong in it. */
export async function openPage(
  t: Cleaning,
  browser: Browser,
  url: string,
  { theme = 'dark', viewport = WIDE, time, expected }: PageOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    baseURL: url,
    viewport,
    colorScheme: theme,
    locale: 'en-GB',
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
    acceptDownloads: true,
  });
  const { origin } = new URL(url);
  const problems: string[] = [];
  const note = (problem: string) => {
    if (expected === undefined || !expected.test(problem)) problems.push(problem);
  };
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => note(`error: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) note(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('request', (request) => {
    const to = new URL(request.url());
    if (/^(https?|wss?):$/.test(to.protocol) && to.host !== new URL(origin).host) note(`request to ${request.url()}`);
  });
  await page.addInitScript({ content: REPORT_VIOLATIONS });
  if (time !== undefined) await page.clock.setFixedTime(time);
  let ended: Promise<void> | undefined;
  const close = async () => {
    await context.close();
    assert.deepEqual(problems, [], 'problems of the page');
  };
  const end = () => {
    ended ??= close();
    return ended;
  };
  t.after(end);
  return Object.assign(page, { problems, end });
}
