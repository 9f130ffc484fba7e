/** Every page of the dashboard: how to open it, and when it is complete. */
import type { Page } from 'playwright-core';
import type { BusyFleet } from './busy-fleet.ts';

export type PageUnderTest = {
  name: string;
  path: (fleet: Pick<BusyFleet, 'heard' | 'hung'>) => string;
  /** Resolves when the page shows what it is to show. */
  prepare: (page: Page) => Promise<unknown>;
};

const complete = async (page: Page) => {
  await page.locator('main h1').waitFor();
  await page.waitForLoadState('networkidle');
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
  await page.evaluate('document.fonts.ready');
};

export const PAGES: readonly PageUnderTest[] = [
  { name: 'overview', path: () => '/', prepare: complete },
  { name: 'jobs', path: () => '/jobs', prepare: complete },
  { name: 'job-hung', path: ({ hung }) => `/jobs/${hung}`, prepare: complete },
  { name: 'job-transcript', path: ({ heard }) => `/jobs/${heard.at(-1)}`, prepare: complete },
  { name: 'workers-table', path: () => '/workers?view=table', prepare: complete },
  { name: 'workers', path: () => '/workers', prepare: complete },
  { name: 'worker', path: () => '/workers/gpu-west-05', prepare: complete },
  { name: 'queues', path: () => '/queues', prepare: complete },
  { name: 'dead-letters', path: () => '/queues?queue=dlq', prepare: complete },
  { name: 'alerts', path: () => '/alerts', prepare: complete },
  { name: 'alerts-rules', path: () => '/alerts?tab=rules', prepare: complete },
  { name: 'alerts-silences', path: () => '/alerts?tab=silences', prepare: complete },
  { name: 'alerts-policies', path: () => '/alerts?tab=policies', prepare: complete },
  { name: 'alerts-deliveries', path: () => '/alerts?tab=deliveries', prepare: complete },
  { name: 'insights', path: () => '/insights', prepare: complete },
  { name: 'insights-failures', path: () => '/insights?report=failures', prepare: complete },
  { name: 'insights-workers', path: () => '/insights?report=durations&group=instance_type', prepare: complete },
  { name: 'insights-bottlenecks', path: () => '/insights?report=bottlenecks', prepare: complete },
  {
    name: 'insights-jobs',
    path: () => '/insights?report=jobs&filter=processing_time+>+avg_processing_time+*+2',
    prepare: complete,
  },
  { name: 'settings', path: () => '/settings', prepare: complete },
  { name: 'submit', path: () => '/submit', prepare: complete },
];

/** Those of a monitor with keys. */
export const ADMINISTRATION: readonly PageUnderTest[] = ['keys', 'sessions', 'limits', 'audit'].map((name) => {
  return { name, path: () => `/${name}`, prepare: complete };
});
