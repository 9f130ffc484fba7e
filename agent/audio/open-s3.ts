/**
 * Opens audio at `s3://bucket/key`. Credentials, region and endpoint come from the AWS chain (AWS_ENDPOINT_URL_S3 and
 * AWS_REGION work). The key is everything after the bucket, unescaped: S3 keys may contain `?`, `#` and `%`.
 */
import type { Readable } from 'node:stream';
import { GetObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { EngineError } from '../engines/engine.ts';
import { type AudioStream, showUrl } from './audio-source.ts';

let client: S3Client | undefined;

/** One client per process: it holds the connections and the credentials cache. */
export function s3Client(): S3Client {
  if (client !== undefined) return client;
  const config: S3ClientConfig = { followRegionRedirects: true };
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  // Most servers other than Amazon's have neither a host name for each bucket nor regions.
  if (endpoint !== undefined) Object.assign(config, { endpoint, forcePathStyle: true });
  if (endpoint !== undefined && process.env.AWS_REGION === undefined) config.region = 'us-east-1';
  client = new S3Client(config);
  return client;
}

export async function openS3(audio_url: string, { signal }: { signal: AbortSignal }): Promise<AudioStream> {
  const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(audio_url) ?? [];
  if (Bucket === undefined || Key === undefined) {
    throw new EngineError('audio_url_invalid', 'not of the form s3://bucket/key');
  }
  const shown = showUrl(audio_url);
  try {
    const answer = await s3Client().send(new GetObjectCommand({ Bucket, Key }), { abortSignal: signal });
    if (answer.Body === undefined) throw new EngineError('audio_unreachable', `${shown}: no body`);
    return { stream: answer.Body as Readable, total_bytes: answer.ContentLength ?? null };
  } catch (error) {
    throw refusal(error as ServiceError, shown);
  }
}

type ServiceError = Error & { $metadata?: { httpStatusCode?: number } };

function refusal(error: ServiceError, shown: string): Error {
  const status = error.$metadata?.httpStatusCode;
  if (error.name === 'NoSuchKey' || error.name === 'NoSuchBucket' || status === 404) {
    return new EngineError('audio_not_found', `${shown}: ${error.name}`);
  }
  if (status === 401 || status === 403) {
    return new EngineError('audio_forbidden', `${shown}: ${error.name}`, {
      hint: 'the worker needs s3:GetObject on it (and s3:ListBucket, without which a missing key looks forbidden)',
    });
  }
  if (error.name === 'CredentialsProviderError') {
    return new EngineError('audio_forbidden', `${shown}: this worker has no AWS credentials`, {
      hint: 'give the worker a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    });
  }
  return error;
}
