/**
 * The wire schema of a sighting, apart from its logic (sighting.ts) so that code without a schema library can use that.
 */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { REPORTED_ID_MAX } from './reported-id.ts';
import { Count, closed, Nullable, Percent, Seconds, Time, Words } from './schema.ts';
import { SIGHTED_STATES } from './sighted-state.ts';

export const JobSighting = Type.Object(
  {
    job_id: Id,
    reported_id: Type.Optional(
      Nullable(
        Type.String({
          minLength: 1,
          maxLength: REPORTED_ID_MAX,
          description: 'The name of the job in its system, if that is not an id; shown in `metadata.reported_id`.',
        }),
      ),
    ),
    state: Words(SIGHTED_STATES, 'The last reported state.'),
    told_at: Time('Time of the newest line, file, row or message in it.'),
    worker_id: Type.Optional(Nullable(Id)),
    started_at: Type.Optional(Nullable(Time('Start of the last attempt.'))),
    ended_at: Type.Optional(Nullable(Time('End of the last attempt: COMPLETED and FAILED.'))),
    percentage: Type.Optional(Nullable(Percent('Of the job.'))),
    stage: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 40, description: 'Upper case.' }))),
    audio_duration: Type.Optional(Nullable(Seconds('Length of the recording.'))),
    duration: Type.Optional(Nullable(Seconds('Processing time of the attempt, as reported.'))),
    segments: Type.Optional(Nullable(Count('Of the transcript.'))),
    s3_path: Type.Optional(Nullable(Type.String({ maxLength: 2048, description: 'Where the transcript is.' }))),
    error: Type.Optional(Nullable(Type.String({ maxLength: 4000, description: 'FAILED: the reason, for people.' }))),
  },
  { ...closed, $id: 'JobSighting' },
);
export type JobSighting = Static<typeof JobSighting>;
