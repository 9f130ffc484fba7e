/** What a monitor's house must contain once all is quiet: views, archive, followed source, and no waiting workers. */
import { isDeepStrictEqual } from 'node:util';
import { MINUTE_MS } from '../../protocol/time.ts';
import { systemClock } from '../../server/clock.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import type { ArchivedJob } from '../../server/state-machine/state/records.ts';
import { readArchivedJob } from '../../server/views/archived-records.ts';
import { subjectOf } from '../../server/views/keys.ts';
import { rebuildViews } from '../../server/views/rebuild.ts';
import type { FollowedLog } from './followed-log.ts';
import type { LogAudit } from './log-audit.ts';
import type { SimStore } from './sim-store.ts';
import type { World } from './world.ts';

export type HouseAuditParts = { world: World; store: SimStore; log: LogAudit };

/** A copy, so that reading it is not part of the history. */
function copyOf({ objects }: SimStore): MemoryStore {
  const copy = new MemoryStore(systemClock);
  for (const [key, { bytes }] of objects) void copy.putIfAbsent(key, bytes);
  return copy;
}

/** I12: the publishers have written the same as a rebuild writes. */
export async function auditViews({ world, store, log }: HouseAuditParts): Promise<void> {
  const copy = copyOf(store);
  const random = { float: () => 0.5 };
  const settings = { retention_ms: 10 * MINUTE_MS, job_views_days: 0 };
  const written: string[] = [];
  const put = copy.put.bind(copy);
  copy.put = async (key, bytes) => {
    if (key !== 'meta/views.json') written.push(key);
    return put(key, bytes);
  };
  const removed: string[] = [];
  const remove = copy.delete.bind(copy);
  copy.delete = async (key) => {
    if (!log.made_again.has(subjectOf(key)?.id ?? '')) removed.push(key);
    return remove(key);
  };
  const report = await rebuildViews({ store: copy, clock: systemClock, settings, random });
  if (report.as_of_seq !== log.head) world.violate('I12', `a rebuild reaches ${report.as_of_seq} of ${log.head}`);
  if (written.length > 0) world.violate('I12', `views are missing or old: ${written.slice(0, 5).join(', ')}`);
  if (removed.length > 0) world.violate('I12', `views of removed subjects are left: ${removed.slice(0, 5).join(', ')}`);
  if (report.damaged.length > 0) world.violate('archive', `damaged: ${report.damaged.join(', ')}`);
}

/** Every job that ever ended is in memory, or in the archive as it was when it left memory. */
export async function auditArchive({ world, store, log }: HouseAuditParts): Promise<void> {
  const copy = copyOf(store);
  for (const [job_id, record] of log.forgotten) {
    if (log.end.job(job_id)) continue;
    const archived = await readArchivedJob(copy, log.end, job_id).catch((error: Error) => error);
    if (isDeepStrictEqual(plain(archived), plain(record))) continue;
    const what = archived instanceof Error ? archived.message : archived ? 'is another record' : 'is missing';
    world.violate('archive', `${job_id}, which left memory, ${what}`);
  }
}

/** The monitor's jobs agree with the contents of a followed log. */
export async function auditFollowed(parts: HouseAuditParts, followed: FollowedLog): Promise<void> {
  const { world, store, log } = parts;
  const copy = copyOf(store);
  for (const [job_id, { state }] of followed.expected) {
    const archived = await readArchivedJob(copy, log.end, job_id).catch(() => undefined);
    const job = log.end.job(job_id) ?? archived?.job;
    if (job?.state !== state)
      world.violate('I13', `in the log ${job_id} is ${state}; in the monitor it is ${job?.state}`);
  }
}

const plain = (record: ArchivedJob | Error | undefined): unknown => JSON.parse(JSON.stringify(record ?? null));
