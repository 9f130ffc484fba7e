/**
 * `tmon check`: stuck and failed jobs and silent workers, in a log, bucket, table, queue or monitor; for cron, Nagios
 * and people.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Notifier, NotifierError } from '../notifiers/notifier.ts';
import { notifierOptions, openNotifier } from '../notifiers/open-notifier.ts';
import { openPing, type Ping } from '../notifiers/ping.ts';
import { tell, unreadIn } from '../notifiers/tell.ts';
import type { CheckDocument } from '../protocol/check.ts';
import type { Zone } from '../protocol/zone.ts';
import { Check } from '../sources/check/check.ts';
import type { Allowance } from '../sources/check/evidence.ts';
import { CheckMemory, defaultStateFile } from '../sources/check/memory.ts';
import { reportOf } from '../sources/check/report.ts';
import { openSource } from '../sources/open-source.ts';
import { SourceError } from '../sources/source.ts';
import { exitOf, FORMATS, type Format, show } from './check/show.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { amount, collect, jsonOption, unreadableOption, zoneOption } from './options.ts';
import { note, printLine } from './output.ts';
import { span } from './span.ts';

type CheckCommandOptions = {
  stuckAfter: number;
  since: number;
  quietAfter: number;
  allowFailures: number;
  queuedAfter: number;
  unreadableAllowed: Allowance;
  zone?: Zone;
  every?: number;
  notify: string[];
  ping: string[];
  state?: string;
  format: Format;
  output?: string;
  json?: boolean;
};

const AFTER_HELP = `
URL is log:/path, - (standard input), cloudwatch-logs://group/stream, s3://bucket/prefix, dir:PATH, postgres://…, mysql://…,
sqlite:PATH, dynamodb://table, sqs://queue or http://monitor:8080; several are taken together.
Exit code: 0 all is well, 1 something is wrong, 3 could not tell (a source or a part of it could not be read, or no job was
ever found in it); with --format nagios 0, 2 and 3.
A job is stuck when it stands still for longer than its own pace predicts. docs/checking.md says what is compared with what.`;

export function checkCommand(): Command {
  return new Command('check')
    .description('Find stuck and failed jobs and silent workers, without a server. Exit code 0, 1 or 3.')
    .argument('<url...>', 'where workers report their jobs')
    .addOption(spanOption('--stuck-after', 'time after which a job of unknown pace is stuck', '30m'))
    .addOption(spanOption('--quiet-after', 'time after which a worker with a job is quiet', '5m'))
    .addOption(spanOption('--queued-after', 'time after which a job that still waits is a problem', '6h'))
    .addOption(spanOption('--since', 'how far to look back', '24h'))
    .option('--allow-failures <percent>', 'failure rate above which failed jobs are a problem', percentage, 0)
    .addOption(unreadableOption())
    .addOption(zoneOption())
    .option('--every <time>', 'repeat at this interval until Ctrl-C', span)
    .addOption(
      new Option(
        '--notify <url>',
        'send a message when the verdict changes: sns:ARN, https://…, slack:URL, teams:URL, pagerduty:KEY, telegram:TOKEN@CHAT, mailto:…',
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(
      new Option(
        '--ping <url>',
        "report each check to a dead man's switch: Healthchecks, Cronitor, Uptime Kuma, any URL",
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--state <file>', 'file for what one run keeps for the next (default: in your state directory)')
    .addOption(new Option('--format <format>', 'how the result is printed').choices(FORMATS).default('text'))
    .option('--output <file>', 'write the result to a file, which is replaced in one step')
    .addOption(jsonOption())
    .addHelpText('after', AFTER_HELP)
    .action(check);
}

const spanOption = (name: string, meaning: string, value: string): Option =>
  new Option(`${name} <time>`, meaning).argParser(span).default(span(value), value);

function percentage(value: string): number {
  const number = amount(value);
  if (number <= 100) return number;
  throw new InvalidArgumentError('Must be a percentage, 0 to 100.');
}

async function check(urls: string[], options: CheckCommandOptions): Promise<void> {
  const stop = new AbortController();
  const end = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  const format = options.json ? 'json' : options.format;
  const { output } = options;
  const notifiers = await openAll(options.notify, (url) => openNotifier(url, notifierOptions()));
  const pings = await openAll(options.ping, async (url) => openPing(url));
  const { zone } = options;
  const sources = await openAll(urls, (url) => openSource(url, zone === undefined ? {} : { zone }));
  const state = options.state ?? defaultStateFile({ sources: urls, notifiers: notifiers.map(({ name }) => name) });
  const memory = await CheckMemory.load(state, (why) => note(`${state} is reset: ${why}`));
  if (notifiers.length > 0 && options.every === undefined) await requireWritable(memory, state);
  const { stuckAfter, quietAfter, since, allowFailures, queuedAfter, unreadableAllowed } = options;
  const checking = new Check(
    sources,
    {
      stuck_after_ms: stuckAfter,
      quiet_after_ms: quietAfter,
      since_ms: since,
      failures_allowed: allowFailures / 100,
      queued_after_ms: queuedAfter,
      unreadable_allowed: unreadableAllowed,
    },
    memory,
  );
  try {
    for (let round = 1; ; round += 1) {
      const document = await checking.run(Date.now(), stop.signal);
      if (round > 1 && format === 'text' && output === undefined) printLine('');
      await show(document, { format, output });
      await tellAll(document, { notifiers, memory, signal: stop.signal });
      await pingAll(document, pings, stop.signal);
      await memory.save(state).catch((error: Error) => note(`the state could not be saved: ${error.message}`));
      process.exitCode = exitOf(document.verdict, format);
      if (options.every === undefined) return;
      await pause(options.every, stop.signal);
      if (stop.signal.aborted) return;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    await Promise.all(sources.map((source) => source.close()));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end);
  }
}

/** Without a memory, every run would send the same message. */
async function requireWritable(memory: CheckMemory, state: string): Promise<void> {
  try {
    await memory.save(state);
  } catch (error) {
    const says = `--notify needs a file for what was sent before, or every run sends it again; ${state} can't be written`;
    const hint = '--state FILE in a folder that is kept and can be written, or one process: --every 1m';
    throw new CommandError(EXIT.usage, `${says}: ${(error as Error).message}`, hint);
  }
}

/** An invalid URL is a usage error. */
async function openAll<T>(urls: readonly string[], open: (url: string) => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  for (const url of urls) {
    try {
      opened.push(await open(url));
    } catch (error) {
      if (!(error instanceof SourceError || error instanceof NotifierError)) throw error;
      throw new CommandError(EXIT.usage, error.message, error.hint);
    }
  }
  return opened;
}

async function tellAll(
  document: CheckDocument,
  { notifiers, memory, signal }: { notifiers: readonly Notifier[]; memory: CheckMemory; signal: AbortSignal },
): Promise<void> {
  const { told: sent, unread: unread_before, failures: failed } = memory;
  const text = reportOf(document);
  const failures = await tell({ document, text, notifiers, sent, unread_before, failures: failed, signal });
  memory.unread = new Set(unreadIn(document));
  for (const failure of failures) noteFailure(failure);
}

async function pingAll(document: CheckDocument, pings: readonly Ping[], signal: AbortSignal): Promise<void> {
  const text = reportOf(document);
  await Promise.all(pings.map((ping) => ping.send(document, text, signal).catch(noteFailure)));
}

function noteFailure(failure: unknown): void {
  if (!(failure instanceof NotifierError)) throw failure;
  note(`tmon: ${failure.message}`);
  if (failure.hint !== undefined) note(`hint: ${failure.hint}`);
}

/** Resolves early if it is stopped. */
function pause(time_ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, time_ms);
    signal.addEventListener('abort', done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
