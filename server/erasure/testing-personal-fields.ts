/**
 * Every text that a request or a source can put into a job, declared personal or not. What is personal must be gone after an
 * erasure; what is not has the reason. The list follows from the schemas: a text that is not declared fails the tests.
 */
import type { TSchema } from 'typebox';
import { CompletionReport, FailureReport, JobSubmission, ProgressReport } from '../../protocol/job.ts';
import { LogEvent } from '../../protocol/log-event.ts';
import { JobSighting } from '../../protocol/sighting-schema.ts';
import { TranscriptBody } from '../../protocol/transcript-schema.ts';

export const SCHEMAS: Readonly<Record<string, TSchema>> = {
  JobSubmission,
  ProgressReport,
  CompletionReport,
  FailureReport,
  LogEvent,
  JobSighting,
  Transcript: TranscriptBody,
};

const ID = 'an id: users choose none for jobs of the queue, and those of workers name machines';
const TIME = 'a time';
const TOKEN = 'random';
const CODE = 'one of few codes, by which failures are counted';

/** Path → personal, or why not. */
export const FIELDS: Readonly<Record<string, 'personal' | { not: string }>> = {
  'JobSubmission.audio_url': 'personal',
  'JobSubmission.tags[]': 'personal',
  'JobSubmission.tenant': { not: 'one of the tenants of the fleet' },
  'JobSubmission.metadata{name}': 'personal',
  'JobSubmission.metadata{value}': 'personal',
  'JobSubmission.options.language': { not: 'of the recording, one of few' },
  'JobSubmission.options.model': 'personal',
  'JobSubmission.options.prompt': 'personal',
  'JobSubmission.options.hotwords': 'personal',
  'JobSubmission.requires.device': { not: 'of the worker' },
  'JobSubmission.requires.tags[]': { not: 'of the worker' },
  'JobSubmission.options.engine_options{name}': { not: 'the name of an option' },
  'JobSubmission.options.engine_options{value}': 'personal',
  'JobSubmission.webhook_url': 'personal',
  'JobSubmission.traceparent': 'personal',
  'ProgressReport.lease_token': { not: TOKEN },
  'ProgressReport.stage': 'personal',
  'CompletionReport.lease_token': { not: TOKEN },
  'CompletionReport.output.s3_path': 'personal',
  'CompletionReport.output.warnings[].code': { not: CODE },
  'CompletionReport.output.warnings[].message': 'personal',
  'FailureReport.lease_token': { not: TOKEN },
  'FailureReport.error.code': { not: CODE },
  'FailureReport.error.message': 'personal',
  'LogEvent.job_id': { not: ID },
  'LogEvent.worker_id': { not: ID },
  'LogEvent.lease_token': { not: TOKEN },
  'LogEvent.timestamp': { not: TIME },
  'LogEvent.stage': 'personal',
  'LogEvent.audio_url': 'personal',
  'LogEvent.s3_path': 'personal',
  'LogEvent.error': 'personal',
  'LogEvent.code': { not: CODE },
  'JobSighting.job_id': { not: ID },
  'JobSighting.reported_id': 'personal',
  'JobSighting.told_at': { not: TIME },
  'JobSighting.worker_id': { not: ID },
  'JobSighting.started_at': { not: TIME },
  'JobSighting.ended_at': { not: TIME },
  'JobSighting.stage': 'personal',
  'JobSighting.s3_path': 'personal',
  'JobSighting.error': 'personal',
  'Transcript.text': 'personal',
  'Transcript.language': { not: 'of the recording, one of few' },
  'Transcript.engine': { not: 'of the worker' },
  'Transcript.engine_version': { not: 'of the worker' },
  'Transcript.model': { not: 'of the worker' },
  'Transcript.segments[].text': 'personal',
  'Transcript.segments[].words[].text': 'personal',
  'Transcript.segments[].words[].speaker': 'personal',
  'Transcript.segments[].speaker': 'personal',
  'Transcript.segments[].language': { not: 'of the recording, one of few' },
  'Transcript.segments[].extra{name}': { not: 'the name of a field of the engine' },
  'Transcript.segments[].extra{value}': 'personal',
  'Transcript.extra{name}': { not: 'the name of a field of the engine' },
  'Transcript.extra{value}': 'personal',
  'Transcript.warnings[].code': { not: CODE },
  'Transcript.warnings[].message': 'personal',
  'Transcript.quality.reasons[].code': { not: CODE },
  'Transcript.quality.reasons[].message': 'personal',
};

type Schema = {
  type?: string;
  const?: unknown;
  enum?: unknown;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
};

/** The paths of all texts that are not one of a fixed set of words. */
export function* textsOf(name: string, schema: Schema): Generator<string> {
  if ('const' in schema || schema.enum !== undefined) return;
  // Any value, which may be a text or have some.
  if (schema.type === undefined && schema.anyOf === undefined) yield name;
  for (const one of schema.anyOf ?? []) yield* textsOf(name, one);
  if (schema.type === 'string') yield name;
  if (schema.items) yield* textsOf(`${name}[]`, schema.items);
  for (const [field, one] of Object.entries(schema.properties ?? {})) yield* textsOf(`${name}.${field}`, one);
  for (const one of Object.values(schema.patternProperties ?? {})) {
    yield `${name}{name}`;
    yield* textsOf(`${name}{value}`, one);
  }
}
