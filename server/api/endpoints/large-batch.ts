/**
 * A batch that is too large for one turn of the event loop, and for one segment of the journal: a thread checks it and cuts it into
 * portions; each is a commit of its own, and its jobs are part of the response.
 *
 * The first portion has the id of the request, the others that id and their number. A request repeated with its key finds the
 * portions that were committed, and goes on after them. A portion that fails, for want of the store say, ends the batch:
 * its jobs and all after them have that error. If it is the first, the request has it.
 */
import { type FieldError, MonitorError } from '../../../protocol/errors.ts';
import type { Job, JobSubmission } from '../../../protocol/job.ts';
import type { CommandBody } from '../../state-machine/decide/commands.ts';
import type { Caller, Reply } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { asMonitorError, logFault, statusOf, toProblem } from '../errors.ts';
import type { UnparsedBody } from '../large/unparsed-body.ts';
import { invalid } from '../validation.ts';
import { commandOf } from './command.ts';
import { assertAllowed, assertRoom, submitAllowed } from './submit-jobs.ts';

/** Texts that are joined before they become bytes. */
const TEXTS = 64;

/** The response as bytes, since writing it as JSON would take as long as reading the batch. */
export async function submitLargeBatch(
  context: ApiContext,
  { body, caller, reply }: { body: UnparsedBody; caller: Caller; reply: Reply },
): Promise<Buffer> {
  const [method, url] = caller.content;
  const { sha256, errors, good, portions } = await context.large.run('splitBatch', {
    bytes: body.bytes,
    content: [method, url],
  });
  assertAllowed(caller, good);
  const command = commandOf(caller, { type: 'submit_jobs', jobs: [] }, { sha256 });
  // The whole is refused as a smaller batch is, unless a part of it was committed by an earlier request.
  if (!context.engine.state.tables.commands.has(command.id)) assertRoom(context, caller, good);
  const response = new Response(errors, caller);
  let refusal: MonitorError | null = null;
  for (const [portion, bytes] of portions.entries()) {
    const jobs = JSON.parse(bytes.toString()) as JobSubmission[];
    const id = portion === 0 ? command.id : `${command.id}-${portion}`;
    const commandFor = (body: CommandBody) => ({ ...command, id, body });
    let results: (Job | MonitorError)[] = [];
    try {
      if (refusal === null) results = await submitAllowed(context, caller, jobs, commandFor);
    } catch (error) {
      if (portion === 0) throw error;
      refusal = asMonitorError(error);
      logFault(refusal, `POST ${url} (${caller.request_id})`, context.log);
    }
    await response.add(refusal === null ? results : jobs.map(() => refusal!));
  }
  reply.header('content-type', 'application/json; charset=utf-8');
  return response.end();
}

/** `{"jobs": […]}` of the results of good jobs, in their order, and of the errors of the others between them. */
class Response {
  readonly #errors: readonly (FieldError[] | null)[];
  readonly #caller: Caller;
  readonly #parts: Buffer[] = [];
  #texts: string[] = [];
  #next = 0;

  constructor(errors: readonly (FieldError[] | null)[], caller: Caller) {
    this.#errors = errors;
    this.#caller = caller;
  }

  async add(results: readonly (Job | MonitorError)[]): Promise<void> {
    for (const result of results) {
      this.#addInvalid();
      this.#add(result);
    }
    this.#flush();
    // Other requests have their turn.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  end(): Buffer {
    this.#addInvalid();
    this.#flush();
    return Buffer.concat([Buffer.from('{"jobs":['), ...this.#parts, Buffer.from(']}')]);
  }

  /** Those before the next good one. */
  #addInvalid(): void {
    for (let errors = this.#errors[this.#next]; errors; errors = this.#errors[this.#next]) {
      this.#add(invalid(errors, 'job'));
    }
  }

  #add(result: Job | MonitorError): void {
    const one =
      result instanceof MonitorError
        ? { status: statusOf(result), error: this.#problem(result) }
        : { status: 201, job: result };
    this.#texts.push(`${this.#next === 0 ? '' : ','}${JSON.stringify(one)}`);
    this.#next += 1;
    if (this.#texts.length >= TEXTS) this.#flush();
  }

  #problem(error: MonitorError) {
    const { request_id, idempotency_key } = this.#caller;
    return { ...toProblem(error, request_id), ...(error.code === 'outcome_unknown' ? { idempotency_key } : {}) };
  }

  #flush(): void {
    this.#parts.push(Buffer.from(this.#texts.join('')));
    this.#texts = [];
  }
}
