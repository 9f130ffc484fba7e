/** The rights of the monitor on its bucket, and what the bucket's policy denies to everyone. */
import type { BucketProbe } from './bucket-probe.ts';
import type { Right } from './right.ts';

/** Folders that the monitor deletes in, and why. */
const DELETED: readonly [folder: string, why: string][] = [
  ['journal/', 'truncation of the journal'],
  ['snapshots/', 'truncation of the journal'],
  ['archive/', 'packs that others have replaced'],
  ['meta/', 'flags and probes of the store'],
  ['analytics/', 'column files that others have replaced'],
  ['audit/', 'what is older than audit_days'],
  ['uploads/', 'uploads that no job needs'],
  ['transcripts/', 'transcripts of erased jobs'],
  ['jobs/', 'views of jobs that have moved or left memory'],
  ['workers/', 'views of workers that have ended'],
  ['alerts/', 'views of alerts that are resolved'],
  ['system/', 'stray views, in a rebuild'],
  ['metrics/', 'stray views, in a rebuild'],
  ['doctor/', 'objects of the store check'],
];

const WITHOUT_CONDITION = { Null: { 's3:if-none-match': 'true' } };

export function storeRights(probe: BucketProbe, partition: string): Right[] {
  const bucket = `arn:${partition}:s3:::${probe.bucket}`;
  const at = (folder: string) => `${bucket}/${probe.prefix}${folder}*`;
  const inStore = (folder: string) => `${probe.prefix}${folder}`;
  const allowed = (right: Omit<Right, 'expected'>): Right => ({ ...right, expected: 'allowed' });
  return [
    allowed({
      action: 's3:ListBucket',
      resource: bucket,
      needed_for: 'recovery, the archive; and to distinguish a missing object from a forbidden one',
      condition: { StringLike: { 's3:prefix': `${probe.prefix}*` } },
      attempt: () => probe.list(inStore('journal/')),
    }),
    allowed({
      action: 's3:GetObject',
      resource: at(''),
      needed_for: 'all reads',
      attempt: () => probe.get(inStore('')),
    }),
    allowed({
      action: 's3:PutObject',
      resource: at('journal/'),
      needed_for: 'segments, with If-None-Match',
      attempt: () => probe.put(inStore('journal/'), { IfNoneMatch: '*' }),
    }),
    ...['snapshots/', 'archive/', 'meta/', 'audit/', 'jobs/', 'transcripts/', 'uploads/'].map((folder) =>
      allowed({
        action: 's3:PutObject',
        resource: at(folder),
        needed_for: folder,
        attempt: () => probe.put(inStore(folder)),
      }),
    ),
    allowed({
      action: 's3:PutObject',
      resource: at('doctor/'),
      needed_for: 'the store check; an object is written, read and deleted, with the bucket’s encryption',
      attempt: () => probe.roundTrip(inStore('doctor/')),
    }),
    ...DELETED.map(([folder, needed_for]) =>
      allowed({
        action: 's3:DeleteObject',
        resource: at(folder),
        needed_for,
        attempt: () => probe.delete(inStore(folder)),
      }),
    ),
    {
      ...allowed({ action: 's3:GetLifecycleConfiguration', resource: bucket, needed_for: 'the alert store_rule' }),
      optional: true,
      attempt: () => probe.lifecycle(),
    },
    ...promises(probe, at('journal/')),
  ];
}

/** What the policy of the template's bucket denies, also to the monitor. */
function promises(probe: BucketProbe, journal: string): Right[] {
  const folder = `${probe.prefix}journal/`;
  return [
    {
      action: 's3:PutObject',
      resource: journal,
      needed_for: 'segments cannot be overwritten: a put without If-None-Match is denied',
      expected: 'denied',
      condition: WITHOUT_CONDITION,
      attempt: () => probe.put(folder),
    },
    {
      action: 's3:DeleteObjectVersion',
      resource: journal,
      needed_for: 'deleted objects can be restored: old versions cannot be deleted',
      expected: 'denied',
      attempt: () => probe.deleteVersion(folder),
    },
  ];
}
