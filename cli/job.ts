/** `tmon job`: one job in detail. */
import type { Command } from 'commander';
import type { JobWithId } from '../sdk/typescript/index.ts';
import { type ClientOptions, clientCommand, clientOf, jobId } from './options.ts';
import { colour, duration, oneLine, printJson, printLine, stateColour } from './output.ts';

export function jobCommand(): Command {
  return clientCommand('job')
    .description('Show one job.')
    .argument('<job>', 'its id, or the name that its system gave it', jobId)
    .option('--why', 'why it waits, is slow, has failed or costs what it costs')
    .action(showJob);
}

async function showJob(jobId: string, options: ClientOptions & { why?: true }): Promise<void> {
  if (options.why) return showWhy(jobId, options);
  const job = await clientOf(options).jobs.get(jobId);
  if (options.json) return printJson(job);
  for (const [name, value] of factsOf(job)) {
    if (value !== null && value !== '') printLine(`${colour('dim', name.padEnd(12))} ${oneLine(value)}`);
  }
  // An older monitor has none.
  for (const { at, action, outcome, policy, reason } of job.actions ?? []) {
    printLine(
      `${colour('dim', at.padEnd(24))} ${outcome === 'acted' ? action : `${action} (${outcome})`}  ${policy}: ${oneLine(reason)}`,
    );
  }
  for (const { timestamp, state, details } of job.state_history) {
    printLine(`${colour('dim', timestamp.padEnd(24))} ${stateColour(state)}  ${oneLine(details)}`);
  }
}

async function showWhy(jobId: string, options: ClientOptions): Promise<void> {
  const why = await clientOf(options).jobs.why(jobId);
  if (options.json) return printJson(why);
  const { answer, cost, queue, remedy } = why;
  const start = queue?.expected_start;
  const lines: [name: string, text: string][] = [
    ['why', answer],
    ...(start ? [['start', `by ${start.p50} (P50), ${start.p90} (P90)`] as [string, string]] : []),
    ['cost', cost],
    ...(remedy === null ? [] : [['remedy', `${remedy.what}: ${remedy.method} ${remedy.path}`] as [string, string]]),
  ];
  for (const [name, text] of lines) printLine(`${colour('dim', name.padEnd(12))} ${oneLine(text)}`);
}

function factsOf(job: JobWithId): [name: string, value: string | null][] {
  const { input, output, progress, performance, retry_info: retry, cost_tracking: cost, worker } = job;
  const size = input.file_size_bytes === null ? '' : `, ${(input.file_size_bytes / 1e6).toFixed(1)} MB`;
  const chunks = progress.total_chunks ? `, chunk ${progress.current_chunk ?? 0} of ${progress.total_chunks}` : '';
  const eta = progress.eta_seconds === null ? '' : `, ${duration(progress.eta_seconds)} left`;
  const stage = progress.stage === null ? '' : ` ${progress.stage}`;
  const expected = job.expected_percentage == null ? '' : `, ${Math.floor(job.expected_percentage)}% expected`;
  const error = retry.last_error;
  return [
    ['job', job.id],
    ['state', `${job.state}, ${job.priority} priority, attempt ${retry.attempt} of ${retry.max_attempts}`],
    ['input', `${input.s3_path} (${duration(input.duration_seconds)}${size})`],
    ['verdict', verdictOf(job)],
    ['progress', `${Math.floor(progress.percentage)}%${stage}${chunks}${eta}${expected}`],
    ['position', job.queue_position == null ? null : `${job.queue_position} in the queue`],
    ['begins', estimateOf(job.expected_start)],
    ['completes', estimateOf(job.expected_completion)],
    ['worker', worker === null ? null : worker.worker_id],
    ['waited', duration(performance.queue_time_seconds)],
    ['took', performance.processing_time_seconds === null ? null : tookOf(job)],
    ['output', output.s3_path === null ? null : `${output.s3_path} (${output.segments_count} segments)`],
    ['confidence', output.confidence_score === null ? null : String(output.confidence_score)],
    ['suspect', output.suspect ? 'yes: the transcript can hardly be what was said' : null],
    ['warnings', output.warnings.map(({ code, message }) => `${code}: ${message}`).join('; ')],
    ['error', error === null ? null : `${error.code}: ${error.message}`],
    ['next attempt', retry.next_attempt_at],
    ['cost', cost.actual_cost_usd === null ? null : `$${cost.actual_cost_usd}`],
    ['tags', job.tags.join(', ')],
    [
      'metadata',
      Object.entries(job.metadata)
        .map(([name, value]) => `${name}=${value}`)
        .join(', '),
    ],
  ];
}

/** Null if unknown, and from an older monitor. */
function estimateOf(estimate: JobWithId['expected_start'] | undefined): string | null {
  return estimate == null ? null : `by ${estimate.p50} (P50), ${estimate.p90} (P90)`;
}

/** Null of a finished job, and from an older monitor. */
function verdictOf({ verdict }: JobWithId): string | null {
  if (verdict == null) return null;
  return verdict.status === 'on_track' ? 'on track' : `${verdict.status} since ${verdict.since}: ${verdict.reason}`;
}

function tookOf({ performance }: JobWithId): string {
  const factor = performance.throughput_factor;
  const pace = factor === null ? '' : ` (${factor.toFixed(1)} × real time)`;
  return `${duration(performance.processing_time_seconds)}${pace}`;
}
