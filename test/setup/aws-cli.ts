/** The AWS CLI, in a private Python environment, to run the commands printed in the documents. */
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import type { SetupStep } from './step.ts';

export const awsCliEnvironment = { name: 'awscli', requirements: ['awscli==1.46.3'] };

export const awsCli: SetupStep = {
  name: 'aws',
  async run() {
    const { bin } = await ensurePythonEnvironment(awsCliEnvironment);
    return `${awsCliEnvironment.requirements.join(' ')} in ${bin}`;
  },
};
