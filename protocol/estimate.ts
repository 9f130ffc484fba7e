/** When something is expected to happen, as a pair of times, and how often such estimates came true. */
import { type Static, Type } from 'typebox';
import { Count, Nullable, Time } from './schema.ts';

export const Estimate = Type.Object(
  {
    p50: Time('In one of two cases it has happened by then.'),
    p90: Time('In nine of ten cases it has happened by then.'),
  },
  { description: 'When it is expected to happen.' },
);
export type Estimate = Static<typeof Estimate>;

const Part = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

const InTime = (what: string) =>
  Type.Object(
    {
      jobs: Count('Jobs that this is known of: the last 1,000 at most.'),
      within_p50: Nullable(Part('Part of them that were in time by P50; null if there are none. Right is 0.5.')),
      within_p90: Nullable(Part('The same by P90. Right is 0.9.')),
    },
    { description: what },
  );

export const EstimateAccuracy = Type.Object(
  {
    start: InTime('Began by the estimate that was made when they were queued.'),
    completion: InTime('Completed by the first estimate that was made when they were queued, over all attempts.'),
    run_completion: InTime('Completed by the estimate that was made when the attempt began.'),
  },
  { description: 'How often jobs began and completed when they were expected to.' },
);
export type EstimateAccuracy = Static<typeof EstimateAccuracy>;
