/** Sources: what systems without a server tell of jobs that run elsewhere, sent in portions, and those that are followed. */
import { Type } from 'typebox';
import { endsBeforeStart, readSighting } from '../../../protocol/sighting.ts';
import { FollowedSource, JobSightings, SightingsAnswer, SourceName } from '../../../protocol/source.ts';
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
    summary: 'The sources that this instance follows',
    answers: { 200: pageOf(FollowedSource) },
    run: async ({ sources }) => ({ items: sources.map(({ status }) => status), next_cursor: null }),
  }),
  endpoint({
    method: 'POST',
    path: '/sources/:source/jobs',
    operation: 'sources.observe',
    summary: 'Tell what a source says of up to 1,000 jobs; what is known already changes nothing',
    params: Type.Object({ source: SourceName }),
    body: JobSightings,
    answers: { 200: SightingsAnswer },
    async run(context, { params, body, caller }) {
      const sightings = body.jobs.map(readSighting);
      const wrong = sightings.flatMap((told, i) => (endsBeforeStart(told) ? [crossed(i)] : []));
      if (wrong.length > 0) throw invalid(wrong, 'the sightings are not as they should be');
      return observe(observingFor(context, commandsOf(caller)), params.source, sightings);
    },
  }),
];

const crossed = (index: number) => ({ field: `/jobs/${index}/ended_at`, message: 'must not be before started_at' });
