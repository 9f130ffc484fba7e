/**
 * Workers, for operators (list, launch, drain, restart, terminate) and for the workers themselves (register, beat,
 * claim).
 */
import { type Static, Type } from 'typebox';
import { Id } from '../../../protocol/ids.ts';
import { Claimed } from '../../../protocol/job.ts';
import { closed } from '../../../protocol/schema.ts';
import { formatTime } from '../../../protocol/time.ts';
import {
  Claim,
  Heartbeat,
  HeartbeatAnswer,
  Reconciliation,
  Worker,
  type WorkerCommand,
  WorkerDrain,
  WorkerJob,
  WorkerLaunch,
  WorkerRegistration,
  WorkerUsage,
  type WorkerVerdict,
  WorkerVerdictStatus,
} from '../../../protocol/worker.ts';
import { workerJobDocument } from '../../documents/job.ts';
import { workerDocument, workerVerdictOf, workerVersion } from '../../documents/worker.ts';
import { Refused } from '../../engine.ts';
import { newId, newSecret } from '../../ids.ts';
import type { CommandBody, JobMessage } from '../../state-machine/decide/commands.ts';
import { workerNotFound, workerTerminated } from '../../state-machine/decide/jobs.ts';
import { renewable } from '../../state-machine/decide/workers.ts';
import { isKilled, type WorkerRecord } from '../../state-machine/state/records.ts';
import type { State } from '../../state-machine/state/state.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { assertWritable } from './assert-writable.ts';
import { catchUp } from './catch-up.ts';
import { commandOf, ownCommand, softCommandOf } from './command.ts';
import { findJob } from './find-job.ts';
import { findWorker } from './find-worker.ts';
import { shownToWorker } from './job-for.ts';
import { pageOf } from './jobs.ts';
import { decodeCursor, encodeCursor, NEWEST, PAGE_DEFAULT, pageOfJobs } from './listing.ts';
import { noteAlive } from './sign-of-life.ts';
import { versioned } from './versioned.ts';

const WorkerParams = Type.Object({ worker_id: Id });
const ReconcileRequest = Type.Object(
  { dry_run: Type.Optional(Type.Boolean({ description: 'Change nothing. Default false.' })) },
  closed,
);
const PageQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    cursor: Type.Optional(Type.String({ maxLength: 500 })),
  },
  closed,
);

const WorkersQuery = Type.Object(
  {
    verdict: Type.Optional({ ...WorkerVerdictStatus, description: 'Only workers with this verdict.' }),
    ...PageQuery.properties,
  },
  closed,
);

export const workerEndpoints = [
  endpoint({
    method: 'GET',
    path: '/workers',
    operation: 'workers.list',
    permission: 'fleet',
    summary: 'List workers, newest first',
    query: WorkersQuery,
    responses: { 200: pageOf(Worker) },
    async run({ engine }, { query }) {
      const { state } = engine;
      const limit = query.limit ?? PAGE_DEFAULT;
      const cursor = decodeCursor(query.cursor);
      const before = cursor && 'ordinal' in cursor ? cursor.ordinal : NEWEST;
      const workers: WorkerRecord[] = [];
      for (const [ordinal, worker_id] of state.tables.workers_by_creation.entriesReversed(before)) {
        const worker = ordinal < before ? state.worker(worker_id) : undefined;
        if (worker && isJudged(worker, query.verdict)) workers.push(worker);
        if (workers.length === limit) break;
      }
      return {
        items: workers.map((worker) => workerDocument(state, worker)),
        next_cursor: workers.length === limit ? encodeCursor({ ordinal: workers.at(-1)!.ordinal }) : null,
      };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/workers',
    operation: 'workers.launch',
    permission: 'operate',
    summary: "Launch a worker on the monitor's fleet",
    body: Type.Union([WorkerLaunch, Type.Null()]),
    responses: { 201: Worker },
    async run(context, { body, caller, reply }) {
      const { engine, fleet } = context;
      const launch = body ?? {};
      fleet.assertLaunches();
      const { refs } = await engine.submit(
        commandOf(caller, { type: 'launch_worker', worker_id: newId('worker'), launch }),
      );
      const worker_id = refs[0]![1];
      // If a repeated request finds the worker still STARTING, launch it again: that does nothing if it is running.
      if (engine.state.worker(worker_id)?.state === 'STARTING') {
        const placement = await fleet.launch(worker_id, launch).catch(async (error: unknown) => {
          const reason = `not launched: ${error instanceof Error ? error.message : String(error)}`;
          await engine.submit(ownCommand({ type: 'terminate_worker', worker_id, reason }));
          throw error;
        });
        if (placement) await engine.submit(ownCommand({ type: 'place_worker', worker_id, ...placement }));
      }
      reply.code(201).header('location', `/api/v1/workers/${worker_id}`);
      return documentOf(context, worker_id);
    },
  }),
  endpoint({
    method: 'POST',
    path: '/workers/reconcile',
    operation: 'workers.reconcile',
    permission: 'operate',
    summary: 'Compare the workers with the instances of the fleet, and settle what is confirmed',
    body: Type.Union([ReconcileRequest, Type.Null()]),
    responses: { 200: Reconciliation },
    run: ({ reconciler }, { body }) => reconciler.reconcile({ dry_run: body?.dry_run ?? false }),
  }),
  endpoint({
    method: 'GET',
    path: '/workers/:worker_id',
    operation: 'workers.get',
    permission: 'fleet',
    summary: 'Get a worker',
    params: WorkerParams,
    responses: { 200: Worker },
    etag: true,
    run: versioned({
      async find(context, { worker_id }: Static<typeof WorkerParams>) {
        const worker = await findWorker(context, worker_id);
        return { worker, state: context.engine.state };
      },
      version: ({ state, worker }) => workerVersion(state, worker),
      document: ({ state, worker }) => workerDocument(state, worker),
    }),
  }),
  endpoint({
    method: 'GET',
    path: '/workers/:worker_id/jobs',
    operation: 'workers.jobs',
    permission: 'fleet',
    summary: "List a worker's jobs, past and current, newest first",
    params: WorkerParams,
    query: PageQuery,
    responses: { 200: pageOf(WorkerJob) },
    async run(context, { params, query }) {
      const { worker_id } = params;
      await findWorker(context, worker_id);
      const { state } = context.engine;
      const limit = query.limit ?? PAGE_DEFAULT;
      const cursor = decodeCursor(query.cursor);
      const before = cursor && 'ordinal' in cursor ? cursor.ordinal : NEWEST;
      const { jobs, exhausted } = await pageOfJobs(state, { had_by: worker_id, scope: null }, before, limit);
      return {
        items: jobs.map((job) => workerJobDocument(job, worker_id)),
        next_cursor: exhausted ? null : encodeCursor({ ordinal: jobs.at(-1)!.ordinal }),
      };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/workers/:worker_id/usage',
    operation: 'workers.usage',
    permission: 'fleet',
    summary: 'Get what a worker has used in the last hour, by the heartbeats that this instance has seen',
    params: WorkerParams,
    responses: { 200: WorkerUsage },
    async run(context, { params: { worker_id } }) {
      await findWorker(context, worker_id);
      const items = context.usage.of(worker_id).map(({ at_ms, ...usage }) => ({ at: formatTime(at_ms), ...usage }));
      return { worker_id, items, as_of_seq: context.engine.state.seq };
    },
  }),
  endpoint({
    method: 'PUT',
    path: '/workers/:worker_id',
    operation: 'workers.register',
    permission: 'work',
    summary: 'Register a worker, or update its capabilities',
    params: WorkerParams,
    body: WorkerRegistration,
    responses: { 200: Worker, 201: Worker },
    async run(context, { params, body, caller, reply }) {
      const { engine } = context;
      const { worker_id } = params;
      const known = engine.state.worker(worker_id) !== undefined;
      noteAlive(context, caller, worker_id);
      await engine.submit(
        commandOf(caller, { type: 'register_worker', worker_id, registration: body, ...tenantOf(caller) }),
      );
      reply.code(known ? 200 : 201);
      return documentOf(context, worker_id);
    },
  }),
  endpoint({
    method: 'POST',
    path: '/workers/:worker_id/heartbeat',
    operation: 'workers.heartbeat',
    permission: 'work',
    summary: 'Report health; returns commands and renewed leases',
    params: WorkerParams,
    body: Heartbeat,
    responses: { 200: HeartbeatAnswer },
    async run(context, { params, body, caller }) {
      const { engine } = context;
      const worker = await liveWorker(context, params.worker_id);
      assertWritable(context);
      const leases = body.leases ?? [];
      let renewed = renewable(engine.state, leases);
      if (renewed.length < leases.length) {
        // Another instance may just have granted a lease.
        await catchUp(context);
        renewed = renewable(engine.state, leases);
      }
      const { worker_id } = worker;
      const tokens = renewed.map((job_id) => engine.state.job(job_id)?.run?.token ?? '');
      const beat = { type: 'beat' as const, worker_id, health: body.health ?? null, leases: tokens };
      engine.submitSoft(softCommandOf(caller, beat));
      const { state } = engine;
      const renewed_ms = engine.journal.now() + engine.policy.lease_ms;
      return {
        commands: commandsFor(state, state.worker(worker_id) ?? worker),
        leases: renewed.map((job_id, index) => {
          const job = state.job(job_id);
          // Its engine is to be ended until then.
          const expires_ms = job && isKilled(job) ? job.kill_ms! : renewed_ms;
          return { token: tokens[index]!, expires_at: formatTime(expires_ms) };
        }),
      };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/workers/:worker_id/claim',
    operation: 'workers.claim',
    permission: 'work',
    summary: 'Claim up to max_jobs jobs, each with a lease; waits up to wait_seconds for the first',
    params: WorkerParams,
    body: Claim,
    responses: { 200: Claimed },
    async run(context, { params, body, caller }) {
      const { engine, claims } = context;
      const { worker_id } = params;
      const { max_jobs = 1, wait_seconds = 0 } = body;
      await liveWorker(context, worker_id);
      noteAlive(context, caller, worker_id);
      const [method, url] = caller.content;
      // A claim with the same key is the same claim, even with another max_jobs or wait_seconds.
      const command = commandOf(
        caller,
        { type: 'claim_jobs', worker_id, max_jobs, ...tenantOf(caller), secret: newSecret() },
        [method, url],
      );
      const claim = (messages?: readonly JobMessage[]) =>
        engine.submit(messages ? { ...command, body: { ...command.body, messages } as CommandBody } : command);
      const signal = wait_seconds > 0 ? caller.signal : null;
      const { refs } = engine.state.tables.commands.has(command.id)
        ? await claim()
        : { refs: await claims.next({ worker_id, max_jobs, wait_ms: wait_seconds * 1000, signal, claim }) };
      const assigned = refs.filter(([type]) => type === 'JobAssigned');
      return { jobs: await Promise.all(assigned.map((ref) => handOut(context, caller, ref))) };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/workers/:worker_id/drain',
    operation: 'workers.drain',
    permission: 'end_worker',
    summary: 'Drain a worker: it finishes its current jobs, then stops',
    params: WorkerParams,
    body: Type.Union([WorkerDrain, Type.Null()]),
    responses: { 202: Worker },
    async run(context, { params, body, caller, reply }) {
      const { worker_id } = params;
      await context.engine.submit(commandOf(caller, { type: 'drain_worker', worker_id, drain: body ?? {} }));
      reply.code(202);
      return documentOf(context, worker_id);
    },
  }),
  endpoint({
    method: 'POST',
    path: '/workers/:worker_id/restart',
    operation: 'workers.restart',
    permission: 'operate',
    summary: 'Restart a worker: it hands back its current jobs, then starts again',
    params: WorkerParams,
    responses: { 202: Worker },
    async run(context, { params, caller, reply }) {
      const { engine, fleet } = context;
      const { worker_id } = params;
      await engine.submit(commandOf(caller, { type: 'restart_worker', worker_id }));
      const { instance_id } = await findWorker(context, worker_id);
      await fleet.restart({ worker_id, instance_id });
      reply.code(202);
      return documentOf(context, worker_id);
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/workers/:worker_id',
    operation: 'workers.terminate',
    permission: 'end_worker',
    summary: 'Terminate a worker now; its jobs return to the queue',
    params: WorkerParams,
    responses: { 200: Worker },
    async run(context, { params, caller }) {
      const { engine, fleet, log } = context;
      const { worker_id } = params;
      await engine.submit(commandOf(caller, { type: 'terminate_worker', worker_id, reason: 'terminated by request' }));
      const worker = await findWorker(context, worker_id);
      const { instance_id, exit } = worker;
      // Not awaited: a machine may take a while to end, and the worker's jobs have already returned.
      fleet.terminate({ worker_id, instance_id }, { replace: exit?.replace ?? false }).catch((error: Error) => {
        log('warn', `${worker_id} is terminated, but its machine may run on: ${error.message}`);
      });
      return workerDocument(engine.state, worker);
    },
  }),
];

const tenantOf = ({ subject: { tenant } }: Caller) => (tenant === null ? {} : { tenant });

const isJudged = (worker: WorkerRecord, wanted: WorkerVerdict['status'] | undefined): boolean =>
  wanted === undefined || workerVerdictOf(worker)?.status === wanted;

async function handOut(context: ApiContext, { subject }: Caller, ref: readonly [string, string, string?, number?]) {
  const [, job_id, token = '', expires_ms = 0] = ref;
  const job = await findJob(context, subject, job_id);
  const traceparent = context.traceOf(job);
  return {
    job: shownToWorker(context, subject, job),
    lease: { token, expires_at: formatTime(expires_ms) },
    audio_url: job.audio_url,
    attempt: { number: job.attempt, batch_size: job.batch_size },
    ...(traceparent === null ? {} : { traceparent }),
  };
}

/** Commands for the worker, repeated in each heartbeat's response until they have been carried out. */
function commandsFor(state: State, worker: WorkerRecord): WorkerCommand[] {
  const commands: WorkerCommand[] = [];
  for (const { job_id } of worker.holds) {
    const job = state.job(job_id);
    if (job?.state === 'CANCELLING') commands.push({ type: 'cancel_job', job_id });
    else if (job && isKilled(job)) commands.push({ type: 'kill_engine', job_id });
  }
  if (worker.state === 'DRAINING') commands.push({ type: 'drain' });
  if (worker.state === 'RESTARTING') commands.push({ type: 'restart' });
  return commands;
}

async function liveWorker(context: ApiContext, worker_id: string): Promise<WorkerRecord> {
  const { engine } = context;
  if (!engine.state.worker(worker_id)) await catchUp(context);
  const worker = engine.state.worker(worker_id);
  if (!worker) throw new Refused(workerNotFound(worker_id).refusal);
  if (worker.state === 'TERMINATED') throw new Refused(workerTerminated(worker).refusal);
  return worker;
}

/** Returns the document of a command's worker, which may have left memory if the command is a repetition. */
async function documentOf(context: ApiContext, worker_id: string): Promise<Worker> {
  return workerDocument(context.engine.state, await findWorker(context, worker_id));
}
