/** One request for a transcription: form → upload → job → end → transcript. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { JobSubmission } from '../../../protocol/job.ts';
import type { JobOptions } from '../../../protocol/job-options.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import { assertKey, type Caller, HttpCaller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { freshCommandOf, requestKey } from '../endpoints/command.ts';
import { findJob } from '../endpoints/find-job.ts';
import { submitJobs } from '../endpoints/submit-jobs.ts';
import { withStored } from '../endpoints/transcripts.ts';
import { countedBy } from '../endpoints/upload-quota.ts';
import { asMonitorError } from '../errors.ts';
import { isMultipart, readForm } from '../http/multipart.ts';
import { eventOf } from '../large/transcript-tasks.ts';
import { STREAMED } from '../streamed.ts';
import { requiredModel } from './models.ts';
import { JobEnded, openAiError } from './problems.ts';
import { TRANSCRIPTION_FORM, type TranscriptionForm, transcriptionForm } from './request.ts';
import type { Task } from './responses.ts';
import { untilEnded } from './until-ended.ts';

const TAG = 'openai';
const KEEP_ALIVE_MS = 15_000;

export async function transcribe(context: ApiContext, request: FastifyRequest, reply: FastifyReply, task: Task) {
  const caller = new HttpCaller(request, reply);
  assertKey(caller.sent_key);
  const { form, job_id } = await submit(context, caller, request, task);
  const ended = completed(context, caller, job_id);
  if (form.stream) return sendStream(context, reply, ended);
  const job = await ended;
  const { type, body } = await withStored(context, job, (bytes) =>
    context.large.run('openAiResponse', { bytes, job_id, form, task }),
  );
  return reply.type(type).send(body);
}

async function submit(context: ApiContext, caller: Caller, request: FastifyRequest, task: Task) {
  if (!isMultipart(request.headers['content-type'])) {
    throw new MonitorError('invalid', 'invalid_form', 'the body is not multipart/form-data', {
      hint: TRANSCRIPTION_FORM.hint,
    });
  }
  const sent = request.body instanceof Readable ? request.body : Readable.from([]);
  const { stream, rest } = await readForm(sent, request.headers, TRANSCRIPTION_FORM);
  const form = rest.then(transcriptionForm);
  // The upload may fail first, and nobody would wait for it then.
  form.catch(() => {});
  const upload = await context.uploads.create({
    stream,
    key: requestKey(caller),
    tenant: caller.subject.tenant,
    admit: countedBy(context, caller),
    file_name: async () => {
      await form;
      return (await rest).file_name ?? 'audio';
    },
  });
  const submission = submissionOf(await form, task, upload.audio_url);
  // Not the URL, which differs if the same request is sent again.
  const content = ['POST', request.url, { ...submission, audio_url: upload.sha256 }];
  const [job] = await submitJobs(context, caller, [submission], content);
  if (job instanceof MonitorError) throw job;
  return { form: await form, job_id: job!.job_id };
}

function submissionOf(form: TranscriptionForm, task: Task, audio_url: string): JobSubmission {
  const { priority, tags = [] } = form;
  return {
    audio_url,
    tags: [...new Set([TAG, ...tags])],
    ...(priority === undefined ? {} : { priority }),
    ...optionsOf(form, task),
  };
}

/** Nothing is said of what is the default, so that workers which know no options take the job, too. */
function optionsOf(form: TranscriptionForm, task: Task): Pick<JobSubmission, 'options'> {
  const { language, prompt, temperature, timestamp_granularities = [], response_format, channels } = form;
  const model = requiredModel(form.model);
  const options: JobOptions = {
    ...(model === null ? {} : { model }),
    ...(language === undefined ? {} : { language }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(temperature === undefined || temperature === 0 ? {} : { temperature }),
    ...(timestamp_granularities.includes('word') ? { word_timestamps: true } : {}),
    ...(response_format === 'diarized_json' ? { diarize: true } : {}),
    ...(channels === 'split' ? { channels } : {}),
    ...(task === 'translate' ? { task } : {}),
  };
  return Object.keys(options).length === 0 ? {} : { options };
}

/** Rejects with JobEnded if the job ends without a transcript. */
async function completed(context: ApiContext, caller: Caller, job_id: string): Promise<JobRecord> {
  const { subject, signal } = caller;
  try {
    await untilEnded(context, job_id, signal);
  } catch (error) {
    if (signal.aborted && caller.sent_key === undefined) await cancel(context, caller, job_id);
    throw error;
  }
  const job = await findJob(context, subject, job_id);
  if (job.state !== 'COMPLETED') throw new JobEnded(job);
  return job;
}

/** Nobody waits for the job any more. It may have ended in this moment. */
const cancel = ({ engine }: ApiContext, caller: Caller, job_id: string) =>
  engine.submit(freshCommandOf(caller, { type: 'cancel_job', job_id })).catch(() => {});

/** Server-Sent Events: comments while the job waits and runs, so that no proxy takes the connection for dead, then the text. */
async function sendStream(context: ApiContext, reply: FastifyReply, ended: Promise<JobRecord>) {
  const { clock, large } = context;
  const response = reply.raw;
  reply.hijack();
  response.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    ...STREAMED,
  });
  let stop = () => {};
  const keepAlive = () => {
    response.write(': the job has not ended\n\n');
    stop = clock.after(KEEP_ALIVE_MS, keepAlive);
  };
  keepAlive();
  const events = await ended
    .then((job) => withStored(context, job, (bytes) => large.run('openAiStream', { bytes, job_id: job.job_id })))
    .catch((error: unknown) => eventOf(openAiError(asMonitorError(error))));
  stop();
  response.end(events);
}
