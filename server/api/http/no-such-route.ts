/** The response to a request without a route: 405 with `Allow` if other methods have one, otherwise 404. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import { PAGES } from '../../pages/pages.ts';
import type { Endpoint } from '../endpoint.ts';
import { SIGN_IN_PATH } from './sign-in.ts';

const OUTSIDE = ['/livez', '/readyz', '/metrics', '/ws', '/docs', '/api/v1/openapi.json', SIGN_IN_PATH, '', ...PAGES];

type Shape = { methods: string[]; pattern: RegExp; exact: boolean };

export function noSuchRoute(
  endpoints: readonly Endpoint[],
  prefix: string,
): (request: FastifyRequest, reply: FastifyReply) => MonitorError {
  const shapes: Shape[] = [
    ...endpoints.map(({ method, path }) => ({
      methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
      pattern: new RegExp(`^${prefix}${path.replace(/:[a-z_]+/g, '[^/]+')}/?$`),
      exact: !path.includes(':'),
    })),
    ...OUTSIDE.map((path) => ({ methods: ['GET', 'HEAD'], pattern: new RegExp(`^${path}/?$`), exact: true })),
  ];
  return ({ method, url }, reply) => {
    const path = url.split('?', 1)[0]!;
    const fitting = shapes.filter(({ pattern }) => pattern.test(path));
    // `/jobs/batch` means that path, not a job with the id batch.
    const exact = fitting.filter((shape) => shape.exact);
    const methods = (exact.length > 0 ? exact : fitting).flatMap((shape) => shape.methods);
    if (methods.length > 0) {
      reply.header('allow', methods.join(', '));
      const others = methods.filter((name) => name !== 'HEAD').join(' or ');
      return new MonitorError('invalid', 'method_not_allowed', `${path} supports ${others}, not ${method}`);
    }
    return new MonitorError('not_found', 'route_not_found', `there is no ${method} ${path}`, {
      hint: 'The API document lists all operations: /api/v1/openapi.json',
    });
  };
}
