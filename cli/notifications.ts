/** `tmon notifications`: lists notifications with their delivery, sends one again, tests a destination. */
import { type Command, Option } from 'commander';
import { NOTIFICATION_STATES, type Notification, type NotificationState } from '../protocol/notification.ts';
import type { TranscriptionAPI } from '../sdk/typescript/index.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf, jobId, wholeNumber } from './options.ts';
import { isTerminal, note, oneLine, printJson, printTable } from './output.ts';

type NotificationsOptions = ClientOptions & {
  state?: NotificationState;
  job?: string;
  limit: number;
  replay?: string;
  test?: string;
};

export function notificationsCommand(): Command {
  return clientCommand('notifications')
    .description('List notifications and their delivery, newest first; send one again; test a destination.')
    .addOption(new Option('--state <state>', 'only notifications in this state').choices(NOTIFICATION_STATES))
    .option('--job <id>', 'only those about this job', jobId)
    .option('--limit <count>', 'how many', wholeNumber, 50)
    .option('--replay <id>', 'send this one again, under the same webhook-id')
    .option(
      '--test <destination>',
      'send a test to a destination or a URL and wait for its delivery; exit code 1 if it fails',
    )
    .action(notifications);
}

async function notifications(options: NotificationsOptions): Promise<void> {
  const api = clientOf(options);
  const { replay, test, state, job, limit } = options;
  if (replay !== undefined && test !== undefined) {
    throw new CommandError(EXIT.usage, '--replay and --test exclude each other', 'Use one of them.');
  }
  if (replay !== undefined) return print([await api.system.replayNotification(replay)], options);
  if (test !== undefined) return await tryOut(api, test, options);
  const query = { ...(state && { state }), ...(job !== undefined && { job_id: job }) };
  const found: Notification[] = [];
  for await (const one of api.system.notifications({ ...query, limit: Math.min(1000, Math.max(1, limit)) })) {
    if (found.length >= limit) break;
    found.push(one);
  }
  print(found, options);
}

/** Each attempt that fails is followed by another; the first one is enough for a test. */
async function tryOut(api: TranscriptionAPI, name: string, options: NotificationsOptions): Promise<void> {
  const { id } = await api.system.testNotification(
    /^https?:\/\/(?!.*…)/.test(name) ? { webhook_url: name } : { destination: name },
  );
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const now = await api.system.notification(id);
    if (now.state === 'delivered' || now.last_error !== null) {
      print([now], options);
      if (now.state !== 'delivered') process.exitCode = EXIT.failed;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new CommandError(
    EXIT.failed,
    'the monitor did not send the test in time',
    `tmon notifications --json | grep ${id}`,
  );
}

const LOOK_MS = 250;
const LOOKS_MAX = 80;

function print(all: readonly Notification[], { json }: NotificationsOptions): void {
  if (json) {
    for (const one of all) printJson(one);
    return;
  }
  if (all.length === 0 && isTerminal()) return note('no notifications');
  printTable(['NOTIFICATION', 'TYPE', 'STATE', 'ATTEMPTS', 'CREATED', 'DESTINATION', 'ERROR'], all.map(rowOf));
}

const rowOf = (one: Notification): string[] => [
  one.id,
  one.type,
  one.state,
  String(one.attempts),
  one.created_at,
  one.destination,
  oneLine(one.last_error ?? '–'),
];
