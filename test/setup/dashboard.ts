/** The built dashboard, which monitors of tests serve. */
import { buildDashboard } from '../../installation/built-dashboard.ts';
import type { SetupStep } from './step.ts';

export const dashboard: SetupStep = {
  name: 'dashboard',
  run: async () => ((await buildDashboard()) ? 'built' : 'current'),
};
