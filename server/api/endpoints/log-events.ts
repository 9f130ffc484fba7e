/**
 * POST /events: log events in bulk. Each line has its own result; an invalid line does not affect others. A line with a
 * lease token acts under that lease; one without is a sighting of a job that runs elsewhere, like a line of a followed
 * log.
 */
import type { FieldError } from '../../../protocol/errors.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { LogEvent, LogEventAnswer, readReport } from '../../../protocol/log-event.ts';
import type { Subject } from '../../access/subject.ts';
import type { Engine } from '../../engine.ts';
import { observe } from '../../sources/observe.ts';
import type { Command, CommandBody, LeasedLine } from '../../state-machine/decide/commands.ts';
import type { Refusal } from '../../state-machine/decide/decision.ts';
import { heldJob } from '../../state-machine/decide/jobs.ts';
import { finished, type JobRecord, runsElsewhere } from '../../state-machine/state/records.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { validator } from '../validation.ts';
import { assertWritable } from './assert-writable.ts';
import { catchUp } from './catch-up.ts';
import { commandsOf, softCommandOf } from './command.ts';
import { observingFor } from './observing.ts';
import { noteReport } from './sign-of-life.ts';

const LINES_MAX = 1000;
/** The source of jobs that are reported here. */
const SOURCE = 'reports';

type Rejected = { line: number; code: string; detail: string };
type Line<E extends LogEvent = LogEvent> = { line: number; event: E };
type CommandOf = (body: CommandBody) => Command;

export const logEventEndpoints = [
  endpoint({
    method: 'POST',
    path: '/events',
    operation: 'events.report',
    permission: 'report',
    summary: 'Report events of many jobs as up to 1,000 lines of NDJSON',
    consumes: ['application/x-ndjson', 'application/jsonl', 'text/plain'],
    responses: { 200: LogEventAnswer },
    async run(context, { body, caller }) {
      const { engine } = context;
      const { lines: parsed, rejected } = parse(String(body ?? ''));
      const read = parsed.length + rejected.length;
      const lines = parsed.filter(({ line, event }) => {
        const wrong = otherWorker(caller.subject, engine, event);
        if (wrong) rejected.push({ line, ...wrong });
        return wrong === null;
      });
      const { soft, durable, reports, ended } = split(lines);
      if (soft.length > 0) assertWritable(context);
      const leased = [...soft, ...durable];
      let stale = staleLeases(engine, leased);
      if (stale.size > 0) {
        // Another instance may just have granted the leases.
        await catchUp(context);
        stale = staleLeases(engine, leased);
      }
      for (const { event } of leased) noteReport(context, caller, event.job_id, event.lease_token);
      for (const { line, event } of soft) {
        const refusal = stale.get(line);
        if (refusal) {
          rejected.push({ line, code: refusal.code, detail: refusal.message });
          continue;
        }
        const { job_id, lease_token } = event;
        if (ended.has(job_id)) continue;
        const { percentage = 0, stage, current_chunk, total_chunks, eta_seconds } = event;
        const report = { lease_token, percentage, stage, current_chunk, total_chunks, eta_seconds };
        engine.submitSoft(softCommandOf(caller, { type: 'report_progress', job_id, report }));
      }
      const commandOf = commandsOf(caller);
      if (durable.length > 0) rejected.push(...(await record(engine, commandOf, durable)));
      if (reports.length > 0) rejected.push(...(await observeReports(context, commandOf, reports)));
      rejected.sort((a, b) => a.line - b.line);
      return { accepted: read - rejected.length, rejected };
    },
  }),
];

/** Why a key that is narrowed to a worker may not report this; null if it may. */
function otherWorker({ worker_id }: Subject, { state }: Engine, event: LogEvent): Omit<Rejected, 'line'> | null {
  if (worker_id === null) return null;
  const holder = state.job(event.job_id)?.run?.worker_id;
  const workers = [event.worker_id, holder].filter((one) => one !== undefined);
  if (workers.length > 0 && workers.every((one) => one === worker_id)) return null;
  return { code: 'other_worker', detail: `this key reports only jobs of ${worker_id}` };
}

/**
 * Returns a refusal for each line whose lease is not, or no longer, its job's, as far as this instance has read; by
 * number.
 */
function staleLeases({ state }: Engine, lines: readonly Line<LeasedLine>[]): Map<number, Refusal> {
  const stale = new Map<number, Refusal>();
  for (const { line, event } of lines) {
    const held = heldJob(state, event.job_id, event.lease_token);
    if ('refusal' in held) stale.set(line, held.refusal);
  }
  return stale;
}

/** Submits the lines under leases, except progress, as one command; returns those without effect. */
async function record(engine: Engine, commandOf: CommandOf, durable: Line<LeasedLine>[]): Promise<Rejected[]> {
  const events = durable.map(({ event }) => event);
  // A repeated request is not refused although its leases ended with the first one.
  const { refused = [] } = await engine.submit(commandOf({ type: 'record_events', jitter: Math.random(), events }));
  return refused.map(({ index, refusal: { code, message } }) => ({
    line: durable[index]!.line,
    code,
    detail: message,
  }));
}

/** Submits the lines without a lease as sightings of jobs that run elsewhere; returns those without effect. */
async function observeReports(context: ApiContext, commandOf: CommandOf, reports: Line[]): Promise<Rejected[]> {
  const now_ms = context.engine.journal.now();
  const lines = new Map(reports.map((report) => [readReport(report.event, now_ms), report]));
  const rejected = new Map<number, Rejected>();
  const reject = (line: number, wrong: Omit<Rejected, 'line'>) => rejected.set(line, { line, ...wrong });
  const named = new Set<string>();
  let replayed = false;
  const observing = observingFor(context, commandOf);
  const observed = await observe(
    {
      ...observing,
      admits(sighting, job) {
        const { line, event } = lines.get(sighting)!;
        if (event.worker_id !== undefined) named.add(event.job_id);
        const wrong = whyNot(event, job, named);
        if (wrong) reject(line, wrong);
        return wrong === null;
      },
      async submit(body) {
        const outcome = await observing.submit(body);
        replayed ||= outcome.replayed;
        return outcome;
      },
    },
    SOURCE,
    [...lines.keys()],
  );
  for (const { job_id, code, detail } of observed.refused) {
    for (const { line, event } of reports) if (event.job_id === job_id) reject(line, { code, detail });
  }
  // A repeated request: its first execution ended these jobs.
  return [...rejected.values()].filter(({ code }) => !(replayed && code === 'transition_not_allowed'));
}

/** `named`: jobs whose worker is in this line or an earlier one. */
function whyNot(
  { event, job_id, timestamp }: LogEvent,
  job: JobRecord | undefined,
  named: ReadonlySet<string>,
): Omit<Rejected, 'line'> | null {
  if (job && !runsElsewhere(job)) {
    return { code: 'lease_required', detail: `${job_id} is a job of this queue: send its lease_token` };
  }
  if (!job?.run && !named.has(job_id)) {
    return { code: 'worker_id_missing', detail: `${event} of ${job_id} has no worker_id` };
  }
  if (job && finished(job.state) && timestamp === undefined) {
    const detail = `${job_id} is ${job.state}: a line without a timestamp may be a repetition`;
    return { code: 'transition_not_allowed', detail };
  }
  return null;
}

const check = validator<LogEvent>(LogEvent);

function parse(body: string): { lines: Line[]; rejected: Rejected[] } {
  const texts = body.split('\n');
  const lines: Line[] = [];
  const rejected: Rejected[] = [];
  for (const [i, text] of texts.entries()) {
    if (text.trim() === '') continue;
    const line = i + 1;
    if (lines.length + rejected.length === LINES_MAX) {
      throw new MonitorError('too_large', 'too_many_lines', `more than ${LINES_MAX} lines`, {
        hint: 'Send them in several requests.',
      });
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      rejected.push({ line, code: 'invalid_json', detail: 'this line is not JSON' });
      continue;
    }
    const checked = check(value);
    if ('value' in checked) lines.push({ line, event: checked.value });
    else rejected.push({ line, code: 'invalid_event', detail: words(checked.errors) });
  }
  return { lines, rejected };
}

const words = (errors: FieldError[]): string =>
  errors.map(({ field, message }) => `${field || 'it'} ${message}`).join('; ');

/**
 * Progress under a lease is soft, and redundant if the job has `ended` in the same request. `reports` are the lines
 * without a lease.
 */
function split(lines: Line[]) {
  const soft: Line<LeasedLine>[] = [];
  const durable: Line<LeasedLine>[] = [];
  const reports: Line[] = [];
  const ended = new Set<string>();
  for (const { line, event } of lines) {
    const { lease_token } = event;
    if (lease_token === undefined) {
      reports.push({ line, event });
      continue;
    }
    (event.event === 'JOB_PROGRESS' ? soft : durable).push({ line, event: { ...event, lease_token } });
    if (event.event === 'JOB_COMPLETE' || event.event === 'JOB_FAILED') ended.add(event.job_id);
  }
  return { soft, durable, reports, ended };
}
