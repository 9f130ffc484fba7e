/** `tmon aws status`: the queue, its alarms and its last hour, as text or JSON. */
import { CommandError, EXIT } from '../exit-code.ts';
import { colour, duration, printJson, printLine, printTable } from '../output.ts';
import type { AwsStatus } from './fleet.ts';

type StatusOptions = { stack?: string; queue?: string; json?: boolean };

export async function showStatus({ stack, queue, json }: StatusOptions): Promise<void> {
  if ((stack === undefined) === (queue === undefined))
    throw new CommandError(
      EXIT.usage,
      '--stack or --queue is required',
      '--stack NAME of the template, or --queue NAME.',
    );
  const status = await read(stack, queue);
  if (json) printJson(status);
  else print(status);
  if (status.alarms.some(({ state }) => state === 'ALARM')) process.exitCode = EXIT.failed;
}

async function read(stack: string | undefined, queue: string | undefined): Promise<AwsStatus> {
  const { AwsFleet, queueOfStack } = await import('./fleet.ts');
  const fleet = new AwsFleet();
  try {
    const name = queue ?? (await queueOfStack(stack!));
    if (name === null)
      throw new CommandError(
        EXIT.not_found,
        `stack ${stack} has no output QueueName`,
        'Name the queue: --queue NAME. Stacks of `tmon aws template` have the output.',
      );
    return await fleet.status(name, new Date());
  } catch (error) {
    throw wordsFor(error as ServiceError, stack, queue);
  } finally {
    fleet.close();
  }
}

type ServiceError = Error & { Code?: string; $metadata?: { httpStatusCode?: number } };

function wordsFor(error: ServiceError, stack: string | undefined, queue: string | undefined): Error {
  if (error instanceof CommandError) return error;
  const { name, message } = error;
  if (/NonExistentQueue|QueueDoesNotExist/.test(name))
    return new CommandError(
      EXIT.not_found,
      `queue ${queue ?? 'of that stack'} does not exist`,
      '`aws sqs list-queues` lists those of this account and region.',
    );
  if (name === 'ValidationError' && /does not exist/.test(message))
    return new CommandError(EXIT.not_found, `stack ${stack} does not exist`, 'tmon aws template --help');
  if (/Credentials|Token|AccessDenied|AuthFailure|Signature/.test(name))
    return new CommandError(
      EXIT.refused,
      `access denied: ${message}`,
      '`aws sts get-caller-identity` shows your identity; it needs the template’s WatcherPolicy.',
    );
  if (/Region is missing/.test(message))
    return new CommandError(EXIT.usage, 'no AWS region is set', 'AWS_REGION=eu-central-1 tmon aws status …');
  if (/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|TimeoutError/.test(`${name} ${message}`))
    return new CommandError(EXIT.unreachable, `no response from AWS: ${message || name}`);
  return error;
}

function print({ queue, dead_letter_queue, alarms, last_hour }: AwsStatus): void {
  const rows = [queue, ...(dead_letter_queue === null ? [] : [dead_letter_queue])];
  printTable(
    ['QUEUE', 'WAITING', 'IN FLIGHT', 'OLDEST'],
    rows.map(({ name, waiting, in_flight, age_oldest_message }) => [
      name,
      String(waiting),
      String(in_flight),
      duration(age_oldest_message),
    ]),
  );
  printLine('');
  printTable(
    ['ALARM', 'STATE', 'SINCE', 'MEANING'],
    alarms.map(({ name, state, since, description }) => [name, stateOf(state), since ?? '–', description]),
  );
  if (alarms.length === 0) printLine('No alarm monitors this queue; `tmon aws template` has three.');
  printLine('');
  const count = (value: number | null) => (value === null ? '–' : String(Math.round(value)));
  printTable(
    ['LAST HOUR', 'SUBMITTED', 'DONE', 'MAX WAITING', 'MAX IN FLIGHT', 'OLDEST'],
    [
      [
        sparkline(last_hour.done_per_5_minutes),
        count(last_hour.submitted),
        count(last_hour.done),
        count(last_hour.waiting_max),
        count(last_hour.in_flight_max),
        duration(last_hour.age_oldest_message_max),
      ],
    ],
  );
}

const stateOf = (state: string): string =>
  state === 'ALARM' ? colour('red', state) : state === 'OK' ? colour('green', state) : state;

/** Jobs done in each five minutes, as bars. */
function sparkline(values: readonly number[]): string {
  const most = Math.max(1, ...values);
  return values.map((value) => '▁▂▃▄▅▆▇█'[Math.round((value / most) * 7)]).join('') || '–';
}
