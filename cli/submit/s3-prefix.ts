/** The objects below `s3://bucket/prefix/`, with credentials, region and endpoint as workers have them. */
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { s3Client } from '../../agent/audio/open-s3.ts';
import { CommandError, EXIT } from '../exit-code.ts';

/** By key. Throws CommandError. */
export async function* listPrefix(url: string): AsyncGenerator<{ key: string; etag: string }, void, void> {
  const [, Bucket, Prefix] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(url) ?? [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3Client()
      .send(new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken }))
      .catch((error: Error) => {
        throw refusal(error, url);
      });
    for (const { Key = '', ETag = '' } of page.Contents ?? []) yield { key: Key, etag: ETag };
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
}

function refusal(error: Error & { $metadata?: { httpStatusCode?: number } }, url: string): Error {
  const status = error.$metadata?.httpStatusCode;
  if (error.name === 'NoSuchBucket') return new CommandError(EXIT.not_found, `${url}: there is no such bucket`);
  if (status === 403 || error.name === 'CredentialsProviderError') {
    return new CommandError(
      EXIT.refused,
      `${url} cannot be listed: ${error.name}`,
      'It takes credentials with s3:ListBucket: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    );
  }
  return new CommandError(EXIT.unavailable, `${url} cannot be listed: ${error.message || error.name}`);
}
