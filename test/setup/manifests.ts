/** Schemas of Kubernetes and of GitHub's workflows, for the YAML of the documentation, in a private Python environment. */
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import type { SetupStep } from './step.ts';

export const manifestsEnvironment = {
  name: 'manifests',
  requirements: ['check-jsonschema==0.39.0', 'kubernetes-validate==1.37.0'],
};

export const manifests: SetupStep = {
  name: 'manifests',
  async run() {
    const { bin } = await ensurePythonEnvironment(manifestsEnvironment);
    return `${manifestsEnvironment.requirements.join(', ')} in ${bin}`;
  },
};
