/** The verifier of signed webhooks that the authors of Standard Webhooks publish for Python, in a private environment. */
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import type { SetupStep } from './step.ts';

export const webhookVerifierEnvironment = { name: 'webhook-verifier', requirements: ['standardwebhooks==1.1.0'] };

export const webhookVerifier: SetupStep = {
  name: 'webhook verifier',
  async run() {
    const { bin } = await ensurePythonEnvironment(webhookVerifierEnvironment);
    return `standardwebhooks for Python in ${bin}`;
  },
};
