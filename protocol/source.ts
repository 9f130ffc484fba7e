/** Sources: systems without a server that report jobs running elsewhere, followed by the monitor or posted to it. */
import { type Static, Type } from 'typebox';
import { Count, closed, Nullable, Time, Words } from './schema.ts';
import { JobSighting } from './sighting-schema.ts';

export const SIGHTINGS_MAX = 1000;

export const SourceName = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: '^[^\\u0000-\\u001f\\u007f]+$',
  description: 'The URL of the source, without secrets.',
});

export const JobSightings = Type.Object(
  {
    jobs: Type.Array(Type.Unsafe<JobSighting>(JobSighting), {
      minItems: 1,
      maxItems: SIGHTINGS_MAX,
      description: 'At most 1,000. Several of one job are merged.',
    }),
  },
  { ...closed, $id: 'JobSightings' },
);
export type JobSightings = Static<typeof JobSightings>;

export const SightingsAnswer = Type.Object(
  {
    taken: Count('Jobs with new information.'),
    known: Count('Jobs without new information.'),
    refused: Type.Array(
      Type.Object({
        job_id: Type.String(),
        code: Type.String({ description: '`job_of_this_queue`: the job belongs to this queue.' }),
        detail: Type.String({ description: 'For people.' }),
      }),
      { description: 'Jobs that were left unchanged.' },
    ),
  },
  { $id: 'SightingsAnswer' },
);
export type SightingsAnswer = Static<typeof SightingsAnswer>;

export const SOURCE_STATES = ['STARTING', 'FOLLOWING', 'FAILING'] as const;

export const FollowedSource = Type.Object(
  {
    name: SourceName,
    state: Words(SOURCE_STATES, 'STARTING: not read yet. FAILING: the last read failed and will be retried.'),
    last_read_at: Nullable(Time('End of the last successful read.')),
    jobs_taken: Count('Jobs of which it had news since the monitor started.'),
    jobs_refused: Count('Jobs left unchanged because they belong to this queue.'),
    looked_at: Count('Lines, files, rows or messages, since the monitor started.'),
    found_count: Count('Of these, reports about jobs, also from before the time from which it is read.'),
    unreadable_count: Count('Of these, those that could not be read as a report and still can’t; each counts once.'),
    unreadable: Type.Array(
      Type.Object({
        where: Type.String({ description: "A line number, a key or a row's id." }),
        why: Type.String({ description: 'For people.' }),
      }),
      { description: 'The first ten.' },
    ),
    notes: Type.Array(Type.String(), { description: 'What else there is to know about what was read.' }),
    problem: Nullable(
      Type.Object({
        message: Type.String({ description: 'What is wrong, on one line.' }),
        hint: Nullable(Type.String({ description: 'How to fix it.' })),
      }),
    ),
  },
  { $id: 'FollowedSource' },
);
export type FollowedSource = Static<typeof FollowedSource>;
