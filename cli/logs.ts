/**
 * `tmon logs`: jobs in workers' logs, without a monitor: files, standard input, CloudWatch Logs. `tmon logs JOB`: what the engine printed
 * about a job of a monitor.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { SIGHTED_STATES } from '../protocol/sighted-state.ts';
import { parseZone, ZONE_FORMS, type Zone } from '../protocol/zone.ts';
import type { AttemptLogOptions } from './logs/attempt-log.ts';
import type { LogsOptions } from './logs/reading.ts';
import { clientCommand, jobId, jsonOption, moment, wholeNumber } from './options.ts';
import { span } from './span.ts';

const SOURCES = `
SOURCE is a file (gzipped or not), - for standard input, log:PATH, or cloudwatch-logs://GROUP (?stream=NAME); without one, standard input:
  journalctl -fu transcriber | tmon logs watch
  tmon logs jobs /var/log/transcriber.log*
  tmon logs failures --since 1h cloudwatch-logs:///aws/ec2/transcription
--print-query shows the Logs Insights query and the aws command that do the same, and reads nothing.`;

export function logsCommand(): Command {
  const logs = new Command('logs').description(
    'Jobs in the logs of workers, without a monitor or database; and `tmon logs JOB`: what the engine printed about a job of a monitor.',
  );
  logs.addCommand(attemptCommand(), { isDefault: true });
  logs.addCommand(
    view(
      'watch',
      'Show progress of jobs until Ctrl-C or the end of standard input.',
      async () => (await import('./logs/watch.ts')).watchLogs,
    ).addOption(since('jobs reported since', '24h')),
  );
  logs.addCommand(
    view('jobs', 'List jobs, latest report first.', async () => (await import('./logs/jobs.ts')).showJobs)
      .addOption(since('reported since'))
      .addOption(new Option('--state <state>').choices(SIGHTED_STATES).argParser(stateName))
      .option('--limit <count>', 'at most this many; 0: all', wholeNumber, 50),
  );
  logs.addCommand(
    view(
      'stuck',
      'List jobs that make no progress. Exit code 1: at least one.',
      async () => (await import('./logs/stuck.ts')).showStuck,
    )
      .addOption(since('jobs reported since', '24h'))
      .option('--stuck-after <time>', 'time without progress, if a job’s own pace is unknown', span, span('30m')),
  );
  logs.addCommand(
    view(
      'failures',
      'List failures, newest first, and their rate.',
      async () => (await import('./logs/failures.ts')).showFailures,
    )
      .addOption(since('failed since'))
      .option('--limit <count>', 'at most this many; 0: all', wholeNumber, 50),
  );
  logs.addCommand(
    view('rate', 'Count job starts in steps of 5 minutes.', async () => (await import('./logs/rate.ts')).showRate)
      .addOption(since('started since'))
      .option('--bin <time>', 'length of a step', span, span('5m')),
  );
  return logs;
}

/** What `tmon logs JOB` runs. */
function attemptCommand(): Command {
  return clientCommand('attempt')
    .description('Print the end of what the engine printed during an attempt.')
    .argument('<job>', 'its id, or the name that its system gave it', jobId)
    .option('--attempt <number>', 'number of the attempt (default: the last one)', wholeNumber)
    .option('-f, --follow', 'print more as it comes, until the attempt ends')
    .action(async (job: string, options: AttemptLogOptions) => {
      const { showAttemptLog } = await import('./logs/attempt-log.ts');
      await showAttemptLog(job, options);
    });
}

type Show<T> = (sources: string[], options: T) => Promise<void>;

/** Each view is loaded when it runs. */
function view<T extends LogsOptions>(name: string, description: string, load: () => Promise<Show<T>>): Command {
  return new Command(name)
    .description(description)
    .argument('[source...]')
    .option('--zone <zone>', `zone of times without one, by default utc: ${ZONE_FORMS}`, zone)
    .option('--print-query', 'print equivalent queries instead')
    .addOption(jsonOption())
    .addHelpText('after', SOURCES)
    .action(async (sources: string[], options: T & { printQuery?: true }) => {
      if (options.printQuery) {
        const { queriesOf, showQueries } = await import('./logs/queries.ts');
        return showQueries(queriesOf(name, sources), options.json === true);
      }
      const show = await load();
      await show(sources.length === 0 ? ['-'] : sources, options);
    });
}

function since(what: string, preset?: string): Option {
  const option = new Option('--since <time>', `${what} 2025-07-07, 2025-07-07T19:30:00Z, or 30m, 12h, 7d ago`);
  option.argParser((value) => Date.parse(moment(value)));
  return preset === undefined ? option.default(0, 'ever') : option.default(Date.parse(moment(preset)), preset);
}

function zone(value: string): Zone {
  try {
    return parseZone(value);
  } catch {
    throw new InvalidArgumentError(`Must be ${ZONE_FORMS}.`);
  }
}

function stateName(text: string): string {
  const state = SIGHTED_STATES.find((known) => known === text.toUpperCase());
  if (state === undefined) throw new InvalidArgumentError(`Must be one of ${SIGHTED_STATES.join(', ')}.`);
  return state;
}
