/** Sources: submits sightings of jobs that run elsewhere, and lists the followed sources. */
import { Type } from 'typebox';
import { endsBeforeStart, readSighting } from '../../../protocol/sighting.ts';
import { FollowedSource, JobSightings, SightingsAnswer, SourceName } from '../../../protocol/source.ts';
import { assertWorker } from '../../access/check.ts';
import { observe } from '../../sources/observe.ts';
import { endpoint } from '../endpoint.ts';
import { invalid } from '../validation.ts';
import { commandsOf } from './command.ts';
import { pageOf } from './jobs.ts';
import { observingFor } from './observing.ts';

export const sourceEndpoints = [
  endpoint({
    method: 'GET',
    path: '/sources',
    operation: 'sources.list',
    permission: 'fleet',
    summary: 'List the sources that this instance follows',
    responses: { 200: pageOf(FollowedSource) },
    run: async ({ sources }) => ({ items: sources.map(({ status }) => status), next_cursor: null }),
  }),
  endpoint({
    method: 'POST',
    path: '/sources/:source/jobs',
    operation: 'sources.observe',
    permission: 'report',
    summary: 'Report up to 1,000 jobs of a source; known data changes nothing',
    params: Type.Object({ source: SourceName }),
    body: JobSightings,
    responses: { 200: SightingsAnswer },
    async run(context, { params, body, caller }) {
      // A key that is narrowed to a worker reports only what that worker does.
      for (const { worker_id } of body.jobs) assertWorker(caller.subject, worker_id ?? '');
      const sightings = body.jobs.map(readSighting);
      const wrong = sightings.flatMap((sighting, i) => (endsBeforeStart(sighting) ? [crossed(i)] : []));
      if (wrong.length > 0) throw invalid(wrong, 'invalid sightings');
      return observe(observingFor(context, commandsOf(caller)), params.source, sightings);
    },
  }),
];

const crossed = (index: number) => ({ field: `/jobs/${index}/ended_at`, message: 'must not be before started_at' });
