/** `tmon aws`: the fleet that needs no monitor, SQS and CloudWatch alone: a template of it, and how it stands. */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { showStatus } from './aws/status.ts';
import { jsonOption } from './options.ts';

const TEMPLATE = new URL('../deploy/cloudformation/queue-and-alarms.yaml', import.meta.url);

export function awsCommand(): Command {
  const aws = new Command('aws').description('A fleet on SQS and CloudWatch alone: its template, and how it stands.');
  aws
    .command('template')
    .description(
      'Print a CloudFormation template: queue, dead letters, alarms to SNS, dashboard, machines by backlog, bucket, roles.',
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
    .description('Show the queue, the alarms and the last hour’s metrics. Exit code 1: an alarm is raised.')
    .option('--stack <name>', 'a stack of this template')
    .option('--queue <name>', 'a queue, and the alarms on it; instead of --stack')
    .addOption(jsonOption())
    .action(showStatus);
  return aws;
}
