/** What each resource of the feed needs. */
import type { FeedResource } from '../../protocol/feed.ts';
import type { Permission } from './roles.ts';

export const FEED_PERMISSIONS: Readonly<Record<FeedResource, Permission>> = {
  job: 'read',
  jobs: 'read',
  worker: 'fleet',
  workers: 'fleet',
  queue: 'fleet',
  alerts: 'fleet',
  system: 'fleet',
};
