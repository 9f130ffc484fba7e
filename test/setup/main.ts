/**
 * Installs what the tests need beyond `npm ci` into `.cache/`, and prints a line for each step. Run by `npm test`;
 * existing installations take no time, so `node --test` alone works afterwards. A failing step does not fail the run:
 * the tests that need it report it, or skip with the reason. A new step is a file beside this one and a name in the
 * list.
 */

import { audioPrograms } from './audio-programs.ts';
import { awsCli } from './aws-cli.ts';
import { cfnLint } from './cfn-lint.ts';
import { chromium } from './chromium.ts';
import { columnReaders } from './column-readers.ts';
import { conmon } from './conmon.ts';
import { dashboard } from './dashboard.ts';
import { databases } from './databases.ts';
import { fasterWhisper, pocketsphinx } from './engines.ts';
import { faketime } from './faketime.ts';
import { jobRunners } from './job-runners.ts';
import { loggers } from './loggers.ts';
import { logrotate } from './logrotate.ts';
import { manifests } from './manifests.ts';
import { moto } from './moto.ts';
import { prometheus } from './prometheus.ts';
import { proxies } from './proxies.ts';
import { pythonSdk } from './python-sdk.ts';
import { redis } from './redis.ts';
import { s3Gateway } from './s3-gateway.ts';
import type { SetupStep } from './step.ts';
import { webhookVerifier } from './webhook-verifier.ts';

const steps: SetupStep[] = [
  audioPrograms,
  awsCli,
  cfnLint,
  chromium,
  columnReaders,
  conmon,
  dashboard,
  databases,
  faketime,
  fasterWhisper,
  jobRunners,
  loggers,
  logrotate,
  manifests,
  moto,
  pocketsphinx,
  prometheus,
  proxies,
  pythonSdk,
  redis,
  s3Gateway,
  webhookVerifier,
];

await Promise.all(
  steps.map(async ({ name, run }) => {
    try {
      console.log(`setup: ${name}: ${await run()}`);
    } catch (error) {
      console.log(`setup: ${name}: not there: ${(error as Error).message}`);
    }
  }),
);
