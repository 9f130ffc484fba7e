/** The parts of the monitor that endpoints use. */

import type { FollowedSource } from '../../protocol/source.ts';
import type { Access } from '../access/access.ts';
import type { IdentityProvider } from '../access/oidc/provider.ts';
import type { RateLimits } from '../access/rate-limits.ts';
import type { AnalyticsService } from '../analytics/analytics.ts';
import type { Backtesting } from '../backtest.ts';
import type { CacheStatus } from '../cache/status.ts';
import type { Clock } from '../clock.ts';
import type { Settings } from '../config.ts';
import type { Engine } from '../engine.ts';
import type { RetentionRules } from '../erasure/retention.ts';
import type { Retiring } from '../erasure/retiring.ts';
import type { FeedHub } from '../feed/hub.ts';
import type { Fleet } from '../fleets/fleet.ts';
import type { Reconciler } from '../fleets/reconciler.ts';
import type { AlertRulesFile } from '../maintenance/alert-rules.ts';
import type { PoliciesFile } from '../maintenance/policies.ts';
import type { ObjectStore, StoreFinding } from '../objects/store.ts';
import type { ExternalQueue, JobQueue } from '../queues/job-queue.ts';
import type { Meters } from '../telemetry/meters.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { TraceOf } from '../telemetry/traces/job-traces.ts';
import type { UsageHistory } from '../telemetry/usage-history.ts';
import type { Uploads } from '../uploads/uploads.ts';
import type { Outlooks } from '../verdicts/outlooks.ts';
import type { LargeWork } from './large/large-work.ts';

export type ApiContext = {
  access: Access;
  limits: RateLimits;
  /** Null if people sign in with keys alone. */
  provider: IdentityProvider | null;
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  settings: Settings;
  /** Of this program. */
  version: string;
  fleet: Fleet;
  reconciler: Reconciler;
  claims: JobQueue;
  /** Null with `embedded:`. */
  queue: Pick<ExternalQueue, 'problem' | 'not_understood' | 'figures'> | null;
  feed: FeedHub;
  uploads: Uploads;
  /** Works on large bodies. */
  large: LargeWork;
  analytics: AnalyticsService;
  /** Null if no cache is configured. */
  cache: { readonly status: CacheStatus } | null;
  usage: Pick<UsageHistory, 'of'>;
  /** Replays the journal, which takes a while. */
  backtest: Backtesting;
  /** Reads the whole journal; callers that ask meanwhile get the same findings. */
  verify: () => Promise<StoreFinding[]>;
  /** Of `GET /metrics`. */
  metrics: Metrics;
  meters: Pick<Meters, 'http'>;
  outlooks: Outlooks;
  traceOf: TraceOf;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
  alert_rules: Pick<AlertRulesFile, 'problem'>;
  policies: Pick<PoliciesFile, 'problem'>;
  retention: { rules(): RetentionRules } & Pick<Retiring, 'next'>;
  /** The sources that this instance follows. */
  sources: readonly { readonly status: FollowedSource }[];
};
