/** Checks submissions beyond their schema before anything is written: whether the recordings can exist, and where webhooks lead. */
import { refusedHost } from '../../../notifiers/http/addresses.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import type { JobSubmission } from '../../../protocol/job.ts';
import type { Subject } from '../../access/subject.ts';
import { eachAtOnce } from '../../at-once.ts';
import type { Settings } from '../../config.ts';
import { isKeyPart } from '../../objects/store.ts';
import type { WorkerRecord } from '../../state-machine/state/records.ts';
import type { Uploads } from '../../uploads/uploads.ts';
import type { ApiContext } from '../context.ts';

type NewJob = JobSubmission & { job_id: string };

const UPLOADS_AT_ONCE = 16;

/**
 * Returns the errors of invalid jobs, by id. Records the uploads of all other jobs as used, so that they are kept until
 * those jobs have ended.
 */
export async function checkSubmissions(
  { uploads, settings, engine }: Pick<ApiContext, 'uploads' | 'engine'> & { settings: WebhookSettings },
  { tenant }: Pick<Subject, 'tenant'>,
  jobs: readonly NewJob[],
): Promise<Map<string, MonitorError>> {
  const wrong = new Map<string, MonitorError>();
  const known = declaredOptions(engine.state.tables.workers.values());
  const uses = new Map<string, string[]>();
  for (const job of jobs) {
    const error = recordingError(job) ?? notificationError(job, settings) ?? optionError(job, known);
    if (error) wrong.set(job.job_id, error);
    else if (job.audio_url.startsWith(UPLOAD)) {
      const upload_id = uploadOf(job.audio_url);
      const job_ids = uses.get(upload_id);
      if (job_ids) job_ids.push(job.job_id);
      else uses.set(upload_id, [job.job_id]);
    }
  }
  await eachAtOnce(uses, UPLOADS_AT_ONCE, async ([upload_id, job_ids]) => {
    const error = await use(uploads, upload_id, job_ids, tenant);
    if (error) for (const job_id of job_ids) wrong.set(job_id, error);
  });
  return wrong;
}

function recordingError({ audio_url }: JobSubmission): MonitorError | undefined {
  if (audio_url.startsWith('s3:') && audio_url.endsWith('/')) return notAudio('is a folder, not an object');
  if (/^https?:/i.test(audio_url) && !URL.canParse(audio_url)) return notAudio('is not a URL');
  return undefined;
}

/** Those that any worker knows; null if none has declared any: it may be about to come. */
function declaredOptions(workers: Iterable<WorkerRecord>): ReadonlySet<string> | null {
  let known: Set<string> | null = null;
  for (const { state, capabilities } of workers) {
    if (state === 'TERMINATED' || capabilities.options == null) continue;
    known ??= new Set();
    for (const name of capabilities.options) known.add(name);
  }
  return known;
}

function optionError({ options = {} }: JobSubmission, known: ReadonlySet<string> | null): MonitorError | undefined {
  // Which models workers have is no option of theirs, and another may come with it.
  const unknown = Object.keys(options).find((name) => name !== 'model' && known?.has(name) === false);
  if (unknown === undefined) return undefined;
  return new MonitorError('invalid', 'option_not_supported', `no worker supports the option ${unknown}`, {
    errors: [{ field: `/options/${unknown}`, message: 'is supported by no worker' }],
    hint: `The workers support ${[...known!].join(', ') || 'no options'}.`,
  });
}

type WebhookSettings = Pick<Settings, 'allow_private_webhooks'>;

function notificationError(
  { webhook_url, webhook_events }: JobSubmission,
  settings: WebhookSettings,
): MonitorError | undefined {
  if (webhook_url) return webhookError(webhook_url, settings);
  if (!webhook_events) return undefined;
  return new MonitorError('invalid', 'invalid_body', 'body: /webhook_events has no effect without /webhook_url', {
    errors: [{ field: '/webhook_events', message: 'has no effect without webhook_url' }],
    hint: 'Send webhook_url, too, or omit webhook_events.',
  });
}

/** What its URL alone says; the addresses of its host are checked with each delivery, too. */
export function webhookError(webhook_url: string, settings: WebhookSettings): MonitorError | undefined {
  const url = URL.canParse(webhook_url) ? new URL(webhook_url) : null;
  const wrong = (why: string, code: string, hint: string) =>
    new MonitorError('invalid', code, `body: /webhook_url ${why}`, {
      errors: [{ field: '/webhook_url', message: why }],
      hint,
    });
  if (url === null) return wrong('is not a URL', 'invalid_body', 'Use https://HOST/PATH.');
  const why = settings.allow_private_webhooks === 'true' ? null : refusedHost(url);
  if (why === null) return undefined;
  return wrong(
    `is refused: ${why}`,
    'webhook_refused',
    'Use a public address, or `tmon serve --allow-private-webhooks true`.',
  );
}

/** Returns errors of the submission; throws others, such as a failing store. */
async function use(
  uploads: Uploads,
  upload_id: string,
  job_ids: string[],
  tenant: string | null,
): Promise<MonitorError | undefined> {
  try {
    if (!isKeyPart(upload_id)) return noUpload(`there is no upload ${JSON.stringify(upload_id.slice(0, 100))}`);
    await uploads.use(upload_id, job_ids, tenant);
  } catch (error) {
    if (!(error instanceof MonitorError)) throw error;
    return error.kind === 'not_found' ? noUpload(error.message) : error;
  }
}

const UPLOAD = 'upload://';

const uploadOf = (audio_url: string): string => audio_url.slice(UPLOAD.length).split('/', 1)[0]!;

const notAudio = (why: string): MonitorError =>
  new MonitorError('invalid', 'invalid_body', `body: /audio_url ${why}`, {
    errors: [{ field: '/audio_url', message: why }],
    hint: 'Use s3://bucket/key, https://…, or the upload://… returned by POST /api/v1/uploads.',
  });

const noUpload = (message: string): MonitorError =>
  new MonitorError('invalid', 'upload_not_found', message, {
    errors: [{ field: '/audio_url', message: 'names an upload that does not exist' }],
    hint: 'Upload the file with POST /api/v1/uploads and submit the returned audio_url.',
  });
