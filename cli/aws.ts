/** `tmon aws`: the system that needs only SQS and CloudWatch: its template and its status. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { showStatus } from './aws/status.ts';
import { jsonOption } from './options.ts';

const TEMPLATE = new URL('../deploy/cloudformation/queue-and-alarms.yaml', import.meta.url);

export function awsCommand(): Command {
  const aws = new Command('aws').description('A fleet on SQS and CloudWatch only: its template and its status.');
  aws
    .command('template')
    .description(
      'Print a CloudFormation template: queue, dead-letter queue, alarms to SNS, dashboard, autoscaling by backlog, bucket, roles.',
    )
    .addHelpText(
      'after',
      `
Deploy it:
  tmon aws template > transcription.yaml
  aws cloudformation deploy --stack-name transcription --template-file transcription.yaml --capabilities CAPABILITY_IAM \\
    --parameter-overrides AlertEmail=me@example.com Subnets=subnet-1,subnet-2 SecurityGroups=sg-1 WorkerCommand='…'`,
    )
    .action(async () => {
      process.stdout.write(await readFile(TEMPLATE, 'utf8'));
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
