/** What the examples of docs/analytics.md need, in a private Python environment. */
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { columnReaders as readers } from '../servers/column-readers.ts';
import type { SetupStep } from './step.ts';

export const columnReaders: SetupStep = {
  name: 'pandas and pyarrow',
  async run() {
    const { bin } = await ensurePythonEnvironment(readers);
    return `${readers.requirements.join(' ')} in ${bin}`;
  },
};
