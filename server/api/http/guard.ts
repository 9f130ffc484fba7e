/**
 * The door of the HTTP API, and the only place in http/ that decides who may enter. It runs before a body is read.
 *
 *     a key in the URL → 400      a foreign page → 403      no such route → 404 or 405
 *     no key, or one that does not count → 401              a role that may not → 403
 *
 * Every route declares in its config which permission it needs; adding one without throws.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Access } from '../../access/access.ts';
import { assertMay } from '../../access/check.ts';
import { limitHeaders, type Remaining } from '../../access/rate-limits.ts';
import type { Permission } from '../../access/roles.ts';
import { countedAs, NOBODY, type Subject } from '../../access/subject.ts';
import type { ApiContext } from '../context.ts';
import { assertNoKeyInUrl, keyOf, ticketOf } from './credentials.ts';
import { foreignOriginGuard } from './foreign-origin.ts';
import { sessionOf } from './session-cookie.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    permission?: Permission;
    /** Name of the operation or page, for messages. */
    what?: string;
    /** Served under any name: to probes and scrapers, which use addresses. */
    any_host?: true;
    /** Knows what to respond before the journal has been read. */
    early?: true;
    /** A ticket in its URL opens it. */
    ticket?: boolean;
  }
  interface FastifyRequest {
    subject: Subject;
  }
}

/** Pages of the API document and files of the dashboard, whose routes plugins add. */
const isPage = (url: string): boolean => /^\/(docs|assets)(\/|$)/.test(url);

/** Refusals that may be over once this instance has read what others wrote. */
const UNKNOWN: ReadonlySet<string> = new Set(['key_invalid', 'pass_invalid']);

const WARNING = 'this monitor has no API keys, so the key that was sent was not checked';

type GuardOptions = {
  current: () => ApiContext | null;
  allowed_origins: string;
  noRoute: (request: FastifyRequest, reply: FastifyReply) => MonitorError;
};

const spend = (reply: FastifyReply, remaining: Remaining | null): void => {
  if (remaining !== null) reply.headers(limitHeaders(remaining));
};

/** By a key, by a token in place of it, or by the session of the monitor's own pages. */
function subjectOf(
  access: Access,
  { headers, method, host, protocol, routeOptions }: FastifyRequest,
  { key, refreshed }: { key: string | undefined; refreshed: boolean },
): Subject {
  if (key?.startsWith('tmt_')) return access.authenticatePass(key, 'job');
  const session = key === undefined ? sessionOf(headers, { method, host, secure: protocol === 'https' }) : undefined;
  if (session === undefined) return access.authenticate(key);
  try {
    // Connections to the feed are opened again by the page itself, and what it fetches by itself says so.
    const use = routeOptions.config.ticket !== true && headers['tmon-background'] === undefined;
    return access.authenticatePass(session, 'session', { use });
  } catch (error) {
    if (!(error instanceof MonitorError) || error.kind !== 'unauthenticated') throw error;
    // The browser goes on to send a cookie whose session is over: the same as none.
    if (refreshed || !UNKNOWN.has(error.code)) return access.authenticate(undefined);
    throw error;
  }
}

export function addGuard(app: FastifyInstance, { current, allowed_origins, noRoute }: GuardOptions): void {
  app.decorateRequest('subject', null as never);
  app.addHook('onRoute', (route) => {
    const { url, method, config } = route;
    if (isPage(url) || String(method) === 'OPTIONS') route.config = { ...config, permission: 'open' };
    else if (config?.permission === undefined) throw new Error(`${String(method)} ${url} declares no permission`);
  });
  const refuseForeign = foreignOriginGuard(allowed_origins);
  app.addHook('onRequest', (request, reply, done) => {
    request.subject = NOBODY;
    const {
      permission = 'open',
      what = 'this',
      any_host = false,
      early = false,
      ticket = false,
    } = request.routeOptions.config;
    assertNoKeyInUrl(request.url, ticket);
    const context = current();
    // That of X-Forwarded-Host if the proxy is trusted.
    const host = request.host === '' ? undefined : request.host;
    // A name says nothing once a request needs a key, which no foreign page has.
    const any = any_host || context === null || context.access.required;
    refuseForeign({ host, origin: request.headers.origin }, { any_host: any });
    if (request.is404) throw noRoute(request, reply);
    if (context === null) {
      if (permission === 'open' || early) return done();
      throw new MonitorError('unavailable', 'starting', 'the monitor is reading its journal', {
        retry_after_seconds: 1,
      });
    }
    const enter = (subject: Subject) => {
      request.subject = subject;
      const counted = countedAs(subject);
      if (counted !== null) spend(reply, context.limits.take('key', counted));
      const { worker_id } = (request.params ?? {}) as { worker_id?: string };
      assertMay(subject, { permission, what, worker_id });
      done();
    };
    if (permission === 'open') return done();
    const { access, limits } = context;
    spend(reply, limits.take('address', request.ip));
    const key = keyOf(request.headers);
    if (key !== undefined && !access.required) reply.header('tmon-warning', WARNING);
    const redeemed = ticket && key === undefined ? ticketOf(request.url) : undefined;
    const identify = (refreshed: boolean) => subjectOf(access, request, { key, refreshed });
    const again = (error: unknown) => {
      if (!UNKNOWN.has((error as MonitorError).code)) throw error;
      return access.refresh().then(() => (redeemed === undefined ? identify(true) : access.redeem(redeemed)));
    };
    if (redeemed !== undefined) {
      access.redeem(redeemed).catch(again).then(enter).catch(done);
      return;
    }
    let subject: Subject;
    try {
      subject = identify(false);
    } catch (error) {
      again(error).then(enter).catch(done);
      return;
    }
    enter(subject);
  });
}
