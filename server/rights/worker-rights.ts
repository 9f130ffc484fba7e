/** The rights of a worker on the bucket: it reads recordings, and nothing else. */
import type { BucketProbe } from './bucket-probe.ts';
import type { Right } from './right.ts';

const SECRET = ['meta/format.json', 'journal/00000000000000000001.ndjson', 'jobs/', 'transcripts/', 'archive/'];

export type WorkerPlace = {
  probe: BucketProbe;
  partition: string;
  /** `s3://bucket/key` of a recording; null if none is named. */
  audio: string | null;
  /** Whether the caller is the worker; otherwise IAM simulates its role. */
  is_caller: boolean;
};

export function workerRights({ probe, partition, audio, is_caller }: WorkerPlace): Right[] {
  const arn = (key: string) => `arn:${partition}:s3:::${probe.bucket}/${key}`;
  const tried = (run: NonNullable<Right['attempt']>) => (is_caller ? { attempt: run } : {});
  const denied = (action: string, key: string, run: NonNullable<Right['attempt']>): Right => ({
    action,
    resource: arn(key),
    needed_for: 'a worker has no access to the store',
    expected: 'denied',
    ...tried(run),
  });
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(audio ?? '') ?? [];
  const reads: Right[] =
    key === ''
      ? []
      : [
          {
            action: 's3:GetObject',
            resource: `arn:${partition}:s3:::${bucket}/${key}`,
            needed_for: 'a worker reads recordings',
            expected: 'allowed',
            // Only in the same bucket; a missing recording looks denied.
            ...(bucket === probe.bucket ? tried(() => probe.getKey(key)) : {}),
          },
        ];
  return [
    ...reads,
    ...SECRET.map((name) =>
      denied('s3:GetObject', `${probe.prefix}${name}${name.endsWith('/') ? 'doctor' : ''}`, () =>
        name.endsWith('/') ? probe.get(`${probe.prefix}${name}`) : probe.getKey(`${probe.prefix}${name}`),
      ),
    ),
    denied('s3:PutObject', `${probe.prefix}transcripts/doctor`, () => probe.put(`${probe.prefix}transcripts/`)),
    denied('s3:DeleteObject', `${probe.prefix}transcripts/doctor`, () => probe.delete(`${probe.prefix}transcripts/`)),
  ];
}
