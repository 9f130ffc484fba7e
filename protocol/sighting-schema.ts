/** A sighting as it crosses a wire; apart from what it means (sighting.ts), for what runs without a schema. */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { Count, closed, Nullable, Percent, Seconds, Time, Words } from './schema.ts';
import { SIGHTED_STATES } from './sighting.ts';

export const JobSighting = Type.Object(
  {
    job_id: Id,
    state: Words(SIGHTED_STATES, 'The last that was told.'),
    told_at: Time('Of the newest line, file, row or message in it.'),
    worker_id: Type.Optional(Nullable(Id)),
    started_at: Type.Optional(Nullable(Time('Start of the last attempt.'))),
    ended_at: Type.Optional(Nullable(Time('End of the last attempt: COMPLETED and FAILED.'))),
    percentage: Type.Optional(Nullable(Percent('Of the job.'))),
    stage: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 40, description: 'Upper case.' }))),
    audio_duration: Type.Optional(Nullable(Seconds('Length of the recording.'))),
    duration: Type.Optional(Nullable(Seconds('Time the attempt took, as its worker told.'))),
    segments: Type.Optional(Nullable(Count('Of the transcript.'))),
    s3_path: Type.Optional(Nullable(Type.String({ maxLength: 2048, description: 'Where the transcript is.' }))),
    error: Type.Optional(Nullable(Type.String({ maxLength: 4000, description: 'FAILED: in words.' }))),
  },
  { ...closed, $id: 'JobSighting' },
);
export type JobSighting = Static<typeof JobSighting>;
