/** The pages: address, name, key and code, which is loaded when the page is first opened. */
import type { ComponentType } from 'react';

export type PageEntry = {
  path: string;
  name: string;
  /** After `g`. Pages without a key are not in the navigation. */
  key?: string;
  load: () => Promise<{ default: ComponentType }>;
};

const asDefault = (component: ComponentType) => ({ default: component });

export const PAGES: readonly PageEntry[] = [
  {
    path: '/',
    name: 'Overview',
    key: 'o',
    load: async () => asDefault((await import('../pages/overview/overview.tsx')).Overview),
  },
  {
    path: '/jobs',
    name: 'Jobs',
    key: 'j',
    load: async () => asDefault((await import('../pages/jobs/jobs.tsx')).Jobs),
  },
  {
    path: '/jobs/:job_id',
    name: 'Job',
    load: async () => asDefault((await import('../pages/job/job.tsx')).JobPage),
  },
  {
    path: '/workers',
    name: 'Workers',
    key: 'w',
    load: async () => asDefault((await import('../pages/workers/workers.tsx')).Workers),
  },
  {
    path: '/workers/:worker_id',
    name: 'Worker',
    load: async () => asDefault((await import('../pages/workers/worker.tsx')).WorkerPage),
  },
  {
    path: '/queues',
    name: 'Queues',
    key: 'q',
    load: async () => asDefault((await import('../pages/queues/queues.tsx')).Queues),
  },
  {
    path: '/alerts',
    name: 'Alerts',
    key: 'a',
    load: async () => asDefault((await import('../pages/alerts/alerts.tsx')).Alerts),
  },
  {
    path: '/insights',
    name: 'Insights',
    key: 'i',
    load: async () => asDefault((await import('../pages/insights/insights.tsx')).Insights),
  },
  {
    path: '/settings',
    name: 'Settings',
    key: 's',
    load: async () => asDefault((await import('../pages/settings/settings.tsx')).Settings),
  },
  {
    path: '/submit',
    name: 'Submit',
    key: 'u',
    load: async () => asDefault((await import('../pages/submit/submit.tsx')).Submit),
  },
];

/** Those of the navigation; Submit is the button in the header. */
export const NAVIGATION = PAGES.filter((page) => page.key !== undefined && page.path !== '/submit');
