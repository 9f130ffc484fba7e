/** `tmon import`: imports the history of a system without a server. Running it again adds only what is new. */
import type { SightedState } from '../protocol/sighting.ts';
import type { Zone } from '../protocol/zone.ts';
import { type Allowance, isAllowed } from '../sources/check/evidence.ts';
import { openSource } from '../sources/open-source.ts';
import type { Reading, Source, Unreadable } from '../sources/source.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { Outbox } from './import/outbox.ts';
import { type ClientOptions, clientCommand, clientOf, moment, unreadableOption, zoneOption } from './options.ts';
import { note, oneLine, printJson, printLine } from './output.ts';

type ImportOptions = ClientOptions & { since?: string; dryRun?: boolean; unreadableAllowed: Allowance; zone?: Zone };

type Counts = {
  looked_at: number;
  found_count: number;
  unreadable_count: number;
  unreadable: Unreadable[];
  notes: Set<string>;
  /** The last reported state of each job. */
  states: Map<string, SightedState>;
};

const EXAMPLES = 5;
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
  const since_ms = options.since === undefined ? 0 : Date.parse(options.since);
  const api = clientOf(options);
  const outbox = new Outbox((jobs) => api.sources.observe(source.name, jobs, { signal }));
  const counts: Counts = {
    looked_at: 0,
    found_count: 0,
    unreadable_count: 0,
    unreadable: [],
    notes: new Set(),
    states: new Map(),
  };
  const progress = progressLine();
  const began_ms = performance.now();
  const peek = options.dryRun === true;
  for await (const reading of source.read({ since_ms, peek, signal })) {
    count(counts, reading);
    if (!peek) {
      await outbox.add(reading.sightings);
      // Sources that delete what is read may do so only once it is stored.
      if (!source.appendsOnly) await outbox.flush();
      await reading.done();
    }
    progress.show(() => `${counts.looked_at} looked at, ${counts.states.size} jobs`);
  }
  if (!peek) await outbox.flush();
  progress.clear();
  report(source, options, { counts, outbox, seconds: (performance.now() - began_ms) / 1000 });
  const { found_count: found, unreadable_count: unreadable } = counts;
  const nothing = found === 0 && unreadable === 0 && source.depth === undefined;
  if (nothing) note(`no job was found in ${source.name}: ${counts.looked_at} read, none of them a report about a job`);
  if (nothing || !isAllowed({ found, unreadable }, options.unreadableAllowed)) process.exitCode = EXIT.failed;
}

function count(counts: Counts, reading: Reading) {
  counts.looked_at += reading.looked_at;
  counts.found_count += reading.found ?? reading.sightings.length;
  for (const one of reading.notes ?? []) if (counts.notes.size < EXAMPLES) counts.notes.add(one);
  counts.unreadable_count += reading.unreadable.length;
  counts.unreadable.push(...reading.unreadable.slice(0, EXAMPLES - counts.unreadable.length));
  for (const { job_id, state } of reading.sightings) counts.states.set(job_id, state);
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
