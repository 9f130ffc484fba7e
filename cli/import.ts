/** `tmon import`: imports the history of a system without a server. Running it again adds only what is new. */
import type { Zone } from '../protocol/zone.ts';
import type { Allowance } from '../sources/check/evidence.ts';
import { openSource } from '../sources/open-source.ts';
import type { Source } from '../sources/source.ts';
import { CommandError, EXIT } from './exit-code.ts';
import type { Outbox } from './import/outbox.ts';
import { type Counts, foundNothing, isComplete, transfer } from './import/transfer.ts';
import { type ClientOptions, clientCommand, clientOf, moment, unreadableOption, zoneOption } from './options.ts';
import { note, oneLine, printJson, printLine } from './output.ts';

type ImportOptions = ClientOptions & { since?: string; dryRun?: boolean; unreadableAllowed: Allowance; zone?: Zone };

const PROGRESS_MS = 500;

const AFTER_HELP = `
It can be run again at any time: reports that the monitor already has change nothing. Exit code 1: the rest was imported, but
more was unreadable than --unreadable-allowed, or no job was found.`;

export function importCommand() {
  return clientCommand('import')
    .description('Import the history of a log, folder, bucket, table or queue into the monitor.')
    .argument('<url>', 'log:PATH, a path, -, dir:PATH, s3://…, sqlite:PATH, postgres://…, mysql://…, dynamodb://…, …')
    .option('--since <time>', 'only reports since: 2025-07-07, 2025-07-07T19:30:00Z, or 12h, 90d ago', moment)
    .option('--dry-run', 'read and count, but send nothing')
    .addOption(unreadableOption())
    .addOption(zoneOption())
    .addHelpText('after', AFTER_HELP)
    .action(run);
}

async function run(url: string, options: ImportOptions): Promise<void> {
  const stopping = new AbortController();
  const onSignal = () => stopping.abort(new CommandError(EXIT.failed, 'stopped; run it again to continue'));
  process.once('SIGINT', onSignal);
  try {
    const source = await openSource(url, options.zone === undefined ? {} : { zone: options.zone });
    try {
      await take(source, options, stopping.signal);
    } finally {
      await source.close();
    }
  } catch (error) {
    if (stopping.signal.aborted) throw stopping.signal.reason;
    throw error;
  } finally {
    process.off('SIGINT', onSignal);
  }
}

async function take(source: Source, options: ImportOptions, signal: AbortSignal): Promise<void> {
  const api = clientOf(options);
  const progress = progressLine();
  const began_ms = performance.now();
  const { counts, outbox } = await transfer(source, {
    since_ms: options.since === undefined ? 0 : Date.parse(options.since),
    peek: options.dryRun === true,
    send: (jobs) => api.sources.observe(source.name, jobs, { signal }),
    onProgress: ({ looked_at, states }) => progress.show(() => `${looked_at} looked at, ${states.size} jobs`),
    signal,
  });
  progress.clear();
  report(source, options, { counts, outbox, seconds: (performance.now() - began_ms) / 1000 });
  if (foundNothing(source, counts)) {
    note(`no job was found in ${source.name}: ${counts.looked_at} read, none of them a report about a job`);
  }
  if (!isComplete(source, counts, options.unreadableAllowed)) process.exitCode = EXIT.failed;
}

type Result = { counts: Counts; outbox: Outbox; seconds: number };

function report(source: Source, { json, dryRun }: ImportOptions, { counts, outbox, seconds }: Result): void {
  const { looked_at, found_count, unreadable_count, unreadable, states } = counts;
  const { taken, known, refused, refusals } = outbox;
  const jobs = { total: states.size, QUEUED: 0, PROCESSING: 0, COMPLETED: 0, FAILED: 0 };
  for (const state of states.values()) jobs[state] += 1;
  if (json) {
    const sent = dryRun ? null : { taken, known, refused, refusals };
    printJson({ source: source.name, looked_at, found_count, jobs, sent, unreadable_count, unreadable, seconds });
    return;
  }
  printLine(`${source.name}: ${looked_at} read in ${seconds.toFixed(1)} s`);
  const by = (['QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED'] as const).filter((state) => jobs[state] > 0);
  const states_ = by.map((state) => `${jobs[state]} ${state}`).join(', ');
  printLine(`${jobs.total} jobs${states_ === '' ? '' : `: ${states_}`}`);
  if (dryRun) printLine('dry run: nothing was sent');
  else printLine(`${taken} imported, ${known} already known, ${refused} refused`);
  for (const { detail } of refusals) note(`refused: ${oneLine(detail)}`);
  for (const one of counts.notes) note(oneLine(one));
  if (unreadable_count > 0) note(`${unreadable_count} unreadable:`);
  for (const { where, why } of unreadable) note(`  ${oneLine(where)}: ${oneLine(why)}`);
}

/** On a terminal, one line that is overwritten. */
function progressLine() {
  const { stderr } = process;
  let shown_ms = performance.now();
  let shown = false;
  return {
    show(words: () => string) {
      if (!stderr.isTTY || performance.now() - shown_ms < PROGRESS_MS) return;
      shown_ms = performance.now();
      shown = true;
      stderr.write(`\r\u001b[K${words()}`);
    },
    clear() {
      if (shown) stderr.write('\r\u001b[K');
    },
  };
}
