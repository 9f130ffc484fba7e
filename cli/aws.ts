/** `tmon aws`: CloudFormation templates, and the status of the system that needs only SQS and CloudWatch. */
import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { showStatus } from './aws/status.ts';
import { jsonOption } from './options.ts';

const TEMPLATES = {
  queue: new URL('../deploy/cloudformation/queue-and-alarms.yaml', import.meta.url),
  full: new URL('../deploy/cloudformation/full-system.yaml', import.meta.url),
};
type System = keyof typeof TEMPLATES;

export function awsCommand(): Command {
  const aws = new Command('aws').description(
    'CloudFormation templates, and the status of a fleet on SQS and CloudWatch only.',
  );
  aws
    .command('template')
    .description(
      'Print a CloudFormation template. queue: queue, dead-letter queue, alarms to SNS, dashboard, autoscaling by backlog, bucket, roles. full: what the monitor needs: bucket, roles, fleet, queue.',
    )
    .addOption(
      new Option('--system <name>', 'what to deploy').choices(Object.keys(TEMPLATES)).default('queue' satisfies System),
    )
    .addHelpText(
      'after',
      `
Deploy it:
  tmon aws template > transcription.yaml
  aws cloudformation deploy --stack-name transcription --template-file transcription.yaml --capabilities CAPABILITY_IAM \\
    --parameter-overrides AlertEmail=me@example.com Subnets=subnet-1,subnet-2 SecurityGroups=sg-1 WorkerCommand='…'

The full system (docs/aws.md):
  tmon aws template --system full > monitor.yaml
  aws cloudformation deploy --stack-name monitor --template-file monitor.yaml --capabilities CAPABILITY_IAM \\
    --parameter-overrides MonitorUrl=https://monitor.example.com Subnets=subnet-1,subnet-2 SecurityGroups=sg-1`,
    )
    .action(async ({ system }: { system: System }) => {
      process.stdout.write(await readFile(TEMPLATES[system], 'utf8'));
    });
  aws
    .command('status')
    .description('Show the queue, the alarms and the last hour’s metrics. Exit code 1: an alarm is active.')
    .option('--stack <name>', 'a stack created from this template')
    .option('--queue <name>', 'a queue and its alarms, instead of a stack')
    .addOption(jsonOption())
    .action(showStatus);
  return aws;
}
