/**
 * Serves the dashboard: the built files of `dashboard/`, and `index.html` for the path of every page, so that a page
 * can be opened by its URL. While they are not built, pages say how to build them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { documentHeaders, newNonce } from './security-headers.ts';

/** Pages, each with everything below it: `/jobs`, `/jobs/job-01…`. */
export const PAGES = [
  ...['/jobs', '/workers', '/queues', '/alerts', '/insights', '/settings', '/submit'],
  ...['/keys', '/sessions', '/limits', '/audit'],
];

/** The place of the nonce in `index.html`. */
const NONCE = '__CSP_NONCE__';
const NOT_BUILT = 'The dashboard is not built. Run `npm run build -w dashboard`, then reload this page.\n';
/** The name of an asset contains a hash of its content. */
const ASSET_MAX_AGE_MS = 365 * 86_400_000;

/** `folder`: the built files. They may be replaced while the monitor runs. */
export async function addPages(app: FastifyInstance, folder: string): Promise<void> {
  const index = async (request: FastifyRequest, reply: FastifyReply) => {
    const html = await readFile(join(folder, 'index.html'), 'utf8').catch(() => null);
    const nonce = newNonce();
    reply.headers(documentHeaders(nonce, request.headers.host));
    if (html === null) return reply.type('text/plain; charset=utf-8').send(NOT_BUILT);
    return reply.type('text/html; charset=utf-8').send(html.replaceAll(NONCE, nonce));
  };
  for (const path of ['/', ...PAGES.flatMap((page) => [page, `${page}/*`])]) {
    app.get(path, { config: { permission: 'open', what: 'the dashboard' } }, index);
  }
  await app.register(fastifyStatic, {
    root: join(folder, 'assets'),
    prefix: '/assets/',
    decorateReply: false,
    index: false,
    preCompressed: true,
    immutable: true,
    maxAge: ASSET_MAX_AGE_MS,
    setHeaders: (reply) => {
      reply.header('cross-origin-resource-policy', 'same-origin');
      reply.header('vary', 'accept-encoding');
    },
  });
}
