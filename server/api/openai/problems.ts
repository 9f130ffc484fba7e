/** Errors in the shape of OpenAI's API: its clients show `message`, and decide by the status whether to send again. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import { statusOf } from '../errors.ts';

export type OpenAiError = {
  error: { message: string; type: string; param: string | null; code: string };
};

const TYPES: Partial<Record<MonitorError['kind'], string>> = {
  unauthenticated: 'authentication_error',
  forbidden: 'permission_error',
  busy: 'rate_limit_error',
  unavailable: 'server_error',
  corrupt: 'server_error',
  internal: 'server_error',
};

export function openAiError(error: MonitorError): OpenAiError {
  const { kind, code, message, hint, errors } = error;
  return {
    error: {
      message: hint === undefined ? message : `${message}. ${hint}`,
      type: TYPES[kind] ?? 'invalid_request_error',
      param: errors?.[0]?.field.slice(1) ?? null,
      code,
    },
  };
}

/**
 * Whether sending the request again could help, for the header `x-should-retry`. A job has had its attempts when it
 * fails: another request would only repeat them.
 */
export const shouldRetry = (error: MonitorError): boolean =>
  !(error instanceof JobEnded) && (error.kind === 'unavailable' || error.kind === 'busy' || statusOf(error) === 408);

/** The job of a request ended without a transcript. */
export class JobEnded extends MonitorError {
  constructor({ job_id, state, last_error }: JobRecord) {
    if (state === 'FAILED' && last_error !== null) {
      const { code, message, fault } = last_error;
      super(
        fault === 'audio' || code === 'option_not_supported' ? 'invalid' : 'internal',
        code,
        `the job ${job_id} failed: ${message}`,
      );
    } else {
      super('conflict', 'job_cancelled', `the job ${job_id} was cancelled`);
    }
  }
}
