/** What a key is exchanged for, so that it need not be kept where it is used: sessions, tickets, tokens for one job. */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { JobToken, JobTokenRequest, Session, Ticket } from '../../../protocol/session.ts';
import { formatTime } from '../../../protocol/time.ts';
import type { Subject } from '../../access/subject.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { endpoint, httpEndpoint } from '../endpoint.ts';
import { clearedCookie, sessionCookie, sessionOf } from '../http/session-cookie.ts';
import { SIGN_IN_PATH } from '../http/sign-in.ts';
import { freshCommandOf } from './command.ts';
import { findJob } from './find-job.ts';
import { issuePass } from './issue-pass.ts';
import { JobParams } from './jobs.ts';

const TICKET_MS = 30_000;
const TOKEN_SECONDS = 3_600;

export const sessionEndpoints = [
  httpEndpoint({
    method: 'POST',
    path: '/session',
    operation: 'session.create',
    permission: 'any',
    summary: 'Exchange the key of this request for a session, in a cookie that scripts cannot read',
    responses: { 201: Session },
    async run(context, { caller, http: { request, reply } }) {
      const { subject } = caller;
      const { text, expires_ms } = await issuePass(context, caller, {
        kind: 'session',
        lifetime_ms: context.settings.session_ms,
      });
      await endSessionBefore(context, caller, request);
      reply.header(
        'set-cookie',
        sessionCookie(text, { secure: request.protocol === 'https', expires_ms, ...nowOf(context) }),
      );
      reply.code(201);
      return documentOf(context, subject, expires_ms);
    },
  }),
  endpoint({
    method: 'GET',
    path: '/session',
    operation: 'session.get',
    permission: 'optional',
    summary: 'Get who the caller is and what it may do, with or without a key',
    responses: { 200: Session },
    async run(context, { caller: { subject } }) {
      const { pass_id } = subject;
      const pass = pass_id === null ? undefined : context.engine.state.tables.passes.get(pass_id);
      return documentOf(context, subject, pass?.expires_ms ?? null);
    },
  }),
  httpEndpoint({
    method: 'DELETE',
    path: '/session',
    operation: 'session.end',
    permission: 'optional',
    summary: 'End the session of the cookie; its open connections are closed',
    responses: { 200: Session },
    async run(context, { caller, http: { request, reply } }) {
      const { pass_id } = caller.subject;
      if (pass_id !== null)
        await context.engine.submit(freshCommandOf(caller, { type: 'end_pass', pass_id, once: false }));
      reply.header('set-cookie', clearedCookie({ secure: request.protocol === 'https' }));
      return documentOf(context, context.access.authenticate(undefined), null);
    },
  }),
  endpoint({
    method: 'POST',
    path: '/tickets',
    operation: 'tickets.create',
    permission: 'any',
    summary: 'Create a ticket that opens the feed once within 30 seconds, for clients that cannot send a header',
    responses: { 201: Ticket },
    async run(context, { caller, reply }) {
      const { text, expires_ms } = await issuePass(context, caller, { kind: 'ticket', lifetime_ms: TICKET_MS });
      reply.code(201);
      return { ticket: text, expires_at: formatTime(expires_ms) };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/jobs/:job_id/tokens',
    operation: 'jobs.createToken',
    permission: 'read',
    summary: 'Create a token that reads and follows this job and nothing else, for a browser',
    params: JobParams,
    body: Type.Union([JobTokenRequest, Type.Null()]),
    responses: { 201: JobToken },
    async run(context, { params, body, caller, reply }) {
      const { job_id } = await findJob(context, caller.subject, params.job_id);
      const lifetime_ms = (body?.expires_in_seconds ?? TOKEN_SECONDS) * 1000;
      const { text, expires_ms } = await issuePass(context, caller, { kind: 'job', lifetime_ms, job_id });
      reply.code(201);
      return { token: text, job_id, expires_at: formatTime(expires_ms) };
    },
  }),
];

/** Of the same browser: nobody is to go on with it. */
async function endSessionBefore(context: ApiContext, caller: Caller, request: FastifyRequest): Promise<void> {
  const { headers, method, host, protocol } = request;
  const before = sessionOf(headers, { method, host, secure: protocol === 'https' });
  const pass_id = before === undefined ? null : context.access.sessionId(before);
  if (pass_id !== null) await context.engine.submit(freshCommandOf(caller, { type: 'end_pass', pass_id, once: false }));
}

const nowOf = ({ engine }: ApiContext) => ({ now_ms: engine.journal.now() });

function documentOf({ access, engine, provider }: ApiContext, subject: Subject, expires_ms: number | null): Session {
  const { role, permissions, key, person, tags, tenant } = subject;
  const record = key === null ? undefined : engine.state.tables.keys.get(key.id);
  return {
    keys_required: access.required,
    signed_in: role !== null,
    role,
    permissions: [...permissions],
    key_id: key?.id ?? null,
    name: person?.name ?? record?.name ?? null,
    tags: tags === null ? null : [...tags],
    tenant,
    expires_at: expires_ms === null ? null : formatTime(expires_ms),
    provider: provider && { name: provider.settings.name, path: SIGN_IN_PATH },
  };
}
