/**
 * Signing in at an identity provider, for browsers: they come and go by redirects, so these are pages and no operations of
 * the API. It ends in the same session as exchanging a key.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { IdentityProvider } from '../../access/oidc/provider.ts';
import { actorOfPerson } from '../../access/subject.ts';
import { newUlid } from '../../ids.ts';
import { messagePage } from '../../pages/message-page.ts';
import { UNREMEMBERED } from '../../state-machine/apply/apply.ts';
import type { Person } from '../../state-machine/state/passes.ts';
import type { ApiContext } from '../context.ts';
import { asMonitorError, logFault, statusOf } from '../errors.ts';
import { sessionCookie } from './session-cookie.ts';
import { endedSignInCookie, ownPath, signInCookie, signInOf } from './sign-in-cookie.ts';

export const SIGN_IN_PATH = '/api/v1/session/oidc';
const CALLBACK_PATH = `${SIGN_IN_PATH}/callback`;

type Ready = { context: ApiContext; provider: IdentityProvider; origin: string; secure: boolean };

export function addSignIn(app: FastifyInstance, current: () => ApiContext | null): void {
  const page = (path: string, run: (ready: Ready, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>) =>
    app.get(
      path,
      { config: { permission: 'optional', what: 'signing in' }, exposeHeadRoute: false },
      async (request, reply) => {
        reply.header('cache-control', 'no-store');
        try {
          return await run(readyOf(current(), request), request, reply);
        } catch (error) {
          return sendFailure(asMonitorError(error), { request, reply, context: current() });
        }
      },
    );
  page(SIGN_IN_PATH, async ({ context, provider, origin, secure }, request, reply) => {
    const { to = '/', again } = request.query as { to?: unknown; again?: unknown };
    const path = ownPath(String(to));
    // A page of another site makes nobody sign in: the page has a button.
    if (FOREIGN.has(String(request.headers['sec-fetch-site']))) return reply.redirect(path, 302);
    await endSessionBefore(context, request);
    const login = again !== undefined;
    const { url, attempt } = await provider.begin(`${origin}${CALLBACK_PATH}`, { login });
    reply.header('set-cookie', signInCookie({ ...attempt, to: path }, { secure }));
    return reply.redirect(url.href, 302);
  });
  page(CALLBACK_PATH, async ({ context, provider, origin, secure }, request, reply) => {
    reply.header('set-cookie', endedSignInCookie({ secure }));
    const { to, ...attempt } = signInOf(request.headers, { secure });
    const person = await provider.finish(new URL(request.url, origin), attempt);
    const session = await openSession(context, person, request);
    reply.header('set-cookie', sessionCookie(session.text, { secure, ...session }));
    return reply.redirect(to, 302);
  });
}

const FOREIGN: ReadonlySet<string> = new Set(['cross-site', 'same-site']);

/** Of the same browser: the next one replaces it. */
async function endSessionBefore({ engine }: ApiContext, { subject, id, ip }: FastifyRequest): Promise<void> {
  const pass = subject.pass_id === null ? undefined : engine.state.tables.passes.get(subject.pass_id);
  if (pass?.kind !== 'session') return;
  await engine.submit({
    id: `${UNREMEMBERED}${newUlid()}`,
    fingerprint: '',
    actor: subject.actor,
    origin: { request_id: id, address: ip },
    body: { type: 'end_pass', pass_id: pass.id, once: false },
  });
}

/** Throws MonitorError `no_provider`. */
function readyOf(context: ApiContext | null, { protocol, host }: FastifyRequest): Ready {
  const provider = context?.provider ?? null;
  if (context === null || provider === null) {
    throw new MonitorError('not_found', 'no_provider', 'nobody signs in to this monitor at an identity provider', {
      hint: 'Sign in with a key. Administrators: see the settings that begin with oidc_.',
    });
  }
  const origin = provider.settings.redirect_origin ?? `${protocol}://${host}`;
  return { context, provider, origin, secure: origin.startsWith('https:') };
}

async function openSession({ access, engine, settings }: ApiContext, person: Person, { id, ip }: FastifyRequest) {
  const now_ms = engine.journal.now();
  const expires_ms = now_ms + settings.session_ms;
  const { pass_id, text, secret_hash } = access.newPass();
  await engine.submit({
    id: `${UNREMEMBERED}${newUlid()}`,
    fingerprint: '',
    actor: actorOfPerson(person),
    origin: { request_id: id, address: ip },
    body: {
      type: 'issue_pass',
      pass_id,
      kind: 'session',
      key_id: null,
      key_hash: null,
      person,
      secret_hash,
      job_id: null,
      expires_ms,
    },
  });
  return { text, expires_ms, now_ms };
}

/** A person reads it, in place of the JSON that a program would get. */
function sendFailure(
  error: MonitorError,
  { request, reply, context }: { request: FastifyRequest; reply: FastifyReply; context: ApiContext | null },
): FastifyReply {
  const why = innermost(error);
  if (context) logFault(error, 'signing in', context.log);
  context?.log('warn', `signing in: ${error.code}: ${error.message}${why === null ? '' : ` (${why})`}`);
  const again = error.code === 'no_provider' ? [] : [{ href: `${SIGN_IN_PATH}?again`, text: 'Sign in again' }];
  const { headers, html } = messagePage(
    {
      title: TITLES[error.code] ?? 'The sign-in failed',
      text: sentence(error.message),
      hint: error.hint,
      links: [...again, { href: '/', text: 'To the monitor' }],
    },
    request.headers.host,
  );
  return reply.code(statusOf(error)).headers(headers).type('text/html; charset=utf-8').send(html);
}

const TITLES: Readonly<Record<string, string>> = {
  role_unknown: 'You have no access',
  no_provider: 'There is no identity provider',
  provider_unavailable: 'The identity provider cannot be reached',
};

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** Of what went wrong beneath, for the log: `fetch failed` says nothing. */
function innermost(error: Error): string | null {
  let found: Error | null = null;
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) found = cause;
  return found === null ? null : found.message || (found as NodeJS.ErrnoException).code || found.name;
}
