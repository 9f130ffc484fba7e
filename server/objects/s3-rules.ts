/** Finds lifecycle rules of a bucket that would delete or archive objects that the monitor needs. */
import { GetBucketLifecycleConfigurationCommand, type LifecycleRule, type S3Client } from '@aws-sdk/client-s3';
import { errorName } from './s3-errors.ts';
import type { StoreFinding } from './store.ts';

/** Everything else is a view and is rebuilt; these are the only copy. */
const KEPT = ['journal/', 'snapshots/', 'archive/', 'meta/', 'audit/'];

const CHECK = 'lifecycle rules';

/** `prefix` is the store's own in the bucket, with its slash. Never throws: rules that cannot be read are a finding. */
export async function inspectRules(
  client: S3Client,
  place: { bucket: string; prefix: string },
  options: { abortSignal: AbortSignal },
): Promise<StoreFinding[]> {
  try {
    const read = new GetBucketLifecycleConfigurationCommand({ Bucket: place.bucket });
    const { Rules = [] } = await client.send(read, options);
    const harmful = Rules.flatMap((rule) => {
      const folders = KEPT.filter((folder) => expires(rule, `${place.prefix}${folder}`));
      return folders.length === 0 ? [] : [`${rule.ID ?? 'unnamed'} (${folders.join(', ')})`];
    });
    if (harmful.length === 0) {
      return [{ check: CHECK, verdict: 'pass', says: `no rule deletes or archives ${KEPT.join(', ')}` }];
    }
    return [
      {
        check: CHECK,
        verdict: 'fail',
        says: `the bucket's lifecycle rule ${harmful.join(', ')} deletes or archives what the monitor needs`,
        hint: `limit the rule to keys outside ${KEPT.map((folder) => `${place.prefix}${folder}`).join(', ')}, or remove it`,
      },
    ];
  } catch (error) {
    const name = errorName(error);
    if (name === 'NoSuchLifecycleConfiguration') {
      return [{ check: CHECK, verdict: 'pass', says: 'the bucket has no lifecycle rules' }];
    }
    if (name === 'NotImplemented') {
      return [{ check: CHECK, verdict: 'pass', says: 'this server does not implement lifecycle rules' }];
    }
    const says = `the bucket's lifecycle rules cannot be read (${name}): make sure that none applies to ${KEPT.join(', ')}`;
    return [{ check: CHECK, verdict: 'skip', says, hint: 'allow s3:GetLifecycleConfiguration to have them checked' }];
  }
}

function expires(rule: LifecycleRule, ours: string): boolean {
  if (rule.Status !== 'Enabled') return false;
  // Archived objects cannot be read at once. Old versions and incomplete uploads are not the monitor's.
  if (!rule.Expiration?.Days && !rule.Expiration?.Date && !rule.Transitions?.length) return false;
  const { Filter } = rule;
  if (Filter?.Tag || Filter?.And?.Tags?.length) return false; // Nothing of ours is tagged.
  const theirs = Filter?.Prefix ?? Filter?.And?.Prefix ?? rule.Prefix ?? '';
  return ours.startsWith(theirs) || theirs.startsWith(ours);
}
