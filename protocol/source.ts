/** Sources: systems without a server that tell of jobs which run elsewhere, followed by the monitor or sent to it by hand. */
import { type Static, Type } from 'typebox';
import { Count, closed, Nullable, Time, Words } from './schema.ts';
import { JobSighting } from './sighting-schema.ts';

export const SIGHTINGS_MAX = 1000;

export const SourceName = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: '^[^\\u0000-\\u001f\\u007f]+$',
  description: 'The URL of the source, without what is secret in it.',
});

export const JobSightings = Type.Object(
  {
    jobs: Type.Array(Type.Unsafe<JobSighting>(JobSighting), {
      minItems: 1,
      maxItems: SIGHTINGS_MAX,
      description: 'At most 1,000. Several of one job are taken together.',
    }),
  },
  { ...closed, $id: 'JobSightings' },
);
export type JobSightings = Static<typeof JobSightings>;

export const SightingsAnswer = Type.Object(
  {
    taken: Count('Jobs of which something new was told.'),
    known: Count('Jobs of which all of it was known.'),
    refused: Type.Array(
      Type.Object({
        job_id: Type.String(),
        code: Type.String({ description: '`job_of_this_queue`: the monitor has it from its own workers.' }),
        detail: Type.String({ description: 'For people.' }),
      }),
      { description: 'Jobs that were left as they are.' },
    ),
  },
  { $id: 'SightingsAnswer' },
);
export type SightingsAnswer = Static<typeof SightingsAnswer>;

export const SOURCE_STATES = ['STARTING', 'FOLLOWING', 'FAILING'] as const;

export const FollowedSource = Type.Object(
  {
    name: SourceName,
    state: Words(SOURCE_STATES, 'STARTING: not yet read. FAILING: the last reading failed; it is tried again.'),
    last_read_at: Nullable(Time('End of the last reading that went well.')),
    jobs_taken: Count('Times that something new was told of a job, since the monitor started.'),
    jobs_refused: Count('Jobs left as they are: they are of this queue.'),
    looked_at: Count('Lines, files, rows or messages, since the monitor started.'),
    unreadable_count: Count('Of these, those that tell of no job as they should; each counts once.'),
    unreadable: Type.Array(
      Type.Object({
        where: Type.String({ description: "A line's number, a key, a row's id." }),
        why: Type.String({ description: 'For people.' }),
      }),
      { description: 'The first ten.' },
    ),
    problem: Nullable(
      Type.Object({
        message: Type.String({ description: 'What is wrong, on one line.' }),
        hint: Nullable(Type.String({ description: 'What mends it.' })),
      }),
    ),
  },
  { $id: 'FollowedSource' },
);
export type FollowedSource = Static<typeof FollowedSource>;
