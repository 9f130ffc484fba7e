/** The pages: address, name, key and code, which is loaded when the page is first opened. */
import type { ComponentType } from 'react';
import type { Permission } from '../live/use-may.tsx';

export type PageEntry = {
  path: string;
  name: string;
  /** After `g`. Pages without a key are not in the navigation. */
  key?: string;
  /** Who may not is not led there. Absent: everyone may. */
  needs?: Permission;
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
    needs: 'read',
    load: async () => asDefault((await import('../pages/jobs/jobs.tsx')).Jobs),
  },
  {
    path: '/jobs/:job_id',
    name: 'Job',
    needs: 'read',
    load: async () => asDefault((await import('../pages/job/job.tsx')).JobPage),
  },
  {
    path: '/workers',
    name: 'Workers',
    key: 'w',
    needs: 'fleet',
    load: async () => asDefault((await import('../pages/workers/workers.tsx')).Workers),
  },
  {
    path: '/workers/:worker_id',
    name: 'Worker',
    needs: 'fleet',
    load: async () => asDefault((await import('../pages/workers/worker.tsx')).WorkerPage),
  },
  {
    path: '/queues',
    name: 'Queues',
    key: 'q',
    needs: 'fleet',
    load: async () => asDefault((await import('../pages/queues/queues.tsx')).Queues),
  },
  {
    path: '/alerts',
    name: 'Alerts',
    key: 'a',
    needs: 'fleet',
    load: async () => asDefault((await import('../pages/alerts/alerts.tsx')).Alerts),
  },
  {
    path: '/insights',
    name: 'Insights',
    key: 'i',
    needs: 'fleet',
    load: async () => asDefault((await import('../pages/insights/insights.tsx')).Insights),
  },
  {
    path: '/keys',
    name: 'Keys',
    key: 'k',
    needs: 'admin',
    load: async () => asDefault((await import('../pages/keys/keys.tsx')).Keys),
  },
  {
    path: '/sessions',
    name: 'Sessions',
    key: 'e',
    needs: 'admin',
    load: async () => asDefault((await import('../pages/sessions/sessions.tsx')).Sessions),
  },
  {
    path: '/limits',
    name: 'Limits',
    key: 'l',
    needs: 'fleet',
    load: async () => asDefault((await import('../pages/limits/limits.tsx')).Limits),
  },
  {
    path: '/audit',
    name: 'Audit',
    key: 'd',
    needs: 'admin',
    load: async () => asDefault((await import('../pages/audit/audit.tsx')).Audit),
  },
  {
    path: '/settings',
    name: 'Settings',
    key: 's',
    needs: 'admin',
    load: async () => asDefault((await import('../pages/settings/settings.tsx')).Settings),
  },
  {
    path: '/submit',
    name: 'Submit',
    key: 'u',
    needs: 'submit',
    load: async () => asDefault((await import('../pages/submit/submit.tsx')).Submit),
  },
];

/** Those of the navigation; Submit is the button in the header. */
export const NAVIGATION = PAGES.filter((page) => page.key !== undefined && page.path !== '/submit');
