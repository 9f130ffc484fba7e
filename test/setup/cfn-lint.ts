/** cfn-lint, in a private Python environment: checks the CloudFormation templates, and reads their YAML for other tests. */
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import type { SetupStep } from './step.ts';

export const cfnLintEnvironment = { name: 'cfn-lint', requirements: ['cfn-lint==1.58.0'] };

export const cfnLint: SetupStep = {
  name: 'cfn-lint',
  async run() {
    const { bin } = await ensurePythonEnvironment(cfnLintEnvironment);
    return `${cfnLintEnvironment.requirements.join(' ')} in ${bin}`;
  },
};
