/** POST /events: the log vocabulary in bulk. Each line is answered by itself; what is wrong with one harms no other. */
import type { FieldError } from '../../../protocol/errors.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { LogEvent, LogEventAnswer } from '../../../protocol/log-event.ts';
import type { Engine } from '../../engine.ts';
import type { Refusal } from '../../state-machine/decide/decision.ts';
import { heldJob } from '../../state-machine/decide/jobs.ts';
import type { Caller } from '../caller.ts';
import { endpoint } from '../endpoint.ts';
import { validator } from '../validation.ts';
import { catchUp } from './catch-up.ts';
import { commandOf, softCommandOf } from './command.ts';

const LINES_MAX = 1000;

type Rejected = { line: number; code: string; detail: string };
type Line = { line: number; event: LogEvent };

export const logEventEndpoints = [
  endpoint({
    method: 'POST',
    path: '/events',
    operation: 'events.report',
    summary: 'Report what happened to many jobs: NDJSON, up to 1,000 lines',
    consumes: ['application/x-ndjson', 'application/jsonl', 'text/plain'],
    answers: { 200: LogEventAnswer },
    async run(context, { body, caller }) {
      const { engine } = context;
      const { lines, rejected } = parse(String(body ?? ''));
      const read = lines.length + rejected.length;
      const { soft, durable, ended } = split(lines);
      let stale = staleLeases(engine, lines);
      if (stale.size > 0) {
        // Another instance may have handed them out a moment ago.
        await catchUp(context);
        stale = staleLeases(engine, lines);
      }
      for (const { line, event } of soft) {
        const refusal = stale.get(line);
        if (refusal) {
          rejected.push({ line, code: refusal.code, detail: refusal.message });
          continue;
        }
        const { job_id, lease_token = '' } = event;
        if (ended.has(job_id)) continue;
        const { percentage = 0, stage, current_chunk, total_chunks, eta_seconds } = event;
        const report = { lease_token, percentage, stage, current_chunk, total_chunks, eta_seconds };
        engine.submitSoft(softCommandOf(caller, { type: 'report_progress', job_id, report }));
      }
      if (durable.length > 0) rejected.push(...(await record(engine, caller, durable)));
      rejected.sort((a, b) => a.line - b.line);
      return { accepted: read - rejected.length, rejected };
    },
  }),
];

/** Lines whose lease is not, or no longer, that of their job, as far as this instance has read; by number. */
function staleLeases({ state }: Engine, lines: readonly Line[]): Map<number, Refusal> {
  const stale = new Map<number, Refusal>();
  for (const { line, event } of lines) {
    if (event.lease_token === undefined) continue;
    const held = heldJob(state, event.job_id, event.lease_token);
    if ('refusal' in held) stale.set(line, held.refusal);
  }
  return stale;
}

/** Submits the lines that are no mere progress, as one command; answers those that take no effect. */
async function record(engine: Engine, caller: Caller, durable: Line[]): Promise<Rejected[]> {
  const events = durable.map(({ event }) => event);
  // Of a retry of what was done nothing is refused, though its leases have ended with it.
  const { refused = [] } = await engine.submit(
    commandOf(caller, { type: 'record_events', worker_id: null, jitter: Math.random(), events }),
  );
  return refused.map(({ index, refusal: { code, message } }) => ({
    line: durable[index]!.line,
    code,
    detail: message,
  }));
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

/** Progress under a lease is soft. Where the same job has `ended` in the same request, that says more. */
function split(lines: Line[]): { soft: Line[]; durable: Line[]; ended: ReadonlySet<string> } {
  const ended = new Set(
    lines.flatMap(({ event }) =>
      event.event === 'JOB_COMPLETE' || event.event === 'JOB_FAILED' ? [event.job_id] : [],
    ),
  );
  const soft: Line[] = [];
  const durable: Line[] = [];
  for (const line of lines) {
    const { event, lease_token } = line.event;
    (event === 'JOB_PROGRESS' && lease_token !== undefined ? soft : durable).push(line);
  }
  return { soft, durable, ended };
}
