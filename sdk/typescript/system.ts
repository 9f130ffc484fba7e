/** `api.system`: health, metrics, alerts, silences, policies and notifications. */
import type {
  Alert,
  AlertBacktest,
  BacktestRequest,
  EffectiveAlertRules,
  Silence,
  SilenceCreation,
  Suppression,
} from '../../protocol/alert.ts';
import type { Retention } from '../../protocol/erasure.ts';
import type { Notification, NotificationState, NotificationTest } from '../../protocol/notification.ts';
import type { ActionOutcome, DecidedAction, EffectivePolicies } from '../../protocol/policies.ts';
import type {
  CurrentMetrics,
  MetricsGroups,
  MetricsQuery,
  MetricsSeries,
  SystemHealth,
  SystemSettings,
} from '../../protocol/system.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';

/** The health, with `overall_status` as `status` too. */
export type SystemHealthWithStatus = SystemHealth & { readonly status: SystemHealth['overall_status'] };

/** `suppressed`: why it notifies nobody now; null if it does. */
export type ListedAlert = Alert & { suppressed: Suppression | null };

export type ActionsQuery = {
  policy?: string;
  verdict?: string;
  action?: string;
  outcome?: ActionOutcome;
  job_id?: string;
  worker_id?: string;
  limit?: number;
};

export type AlertStatusQuery = 'firing' | 'pending' | 'unresolved' | 'resolved';

/** A long journal takes a while to replay. */
const BACKTEST_MS = 300_000;

export class System {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async health(options: CallOptions = {}): Promise<SystemHealthWithStatus> {
    const health = await this.#transport.json<SystemHealth>({ method: 'GET', path: '/system/health', ...options });
    return Object.defineProperty(health, 'status', {
      value: health.overall_status,
      enumerable: false,
    }) as SystemHealthWithStatus;
  }

  metrics(options: CallOptions = {}): Promise<CurrentMetrics> {
    return this.#transport.json({ method: 'GET', path: '/system/metrics', ...options });
  }

  /**
   * Hours or days from `from` up to `to`, which is excluded; by default the last 24 hours or 30 days, and at most 10,000.
   * Periods in which nothing happened are left out.
   */
  metricsSeries(
    query: Omit<MetricsQuery, 'group_by' | 'group'> = {},
    options: CallOptions = {},
  ): Promise<MetricsSeries> {
    return this.#transport.json({
      method: 'GET',
      path: '/system/metrics',
      query: { step: 'hour', ...query },
      ...options,
    });
  }

  /** The same by worker or model: hours of the last two days, or days of the last thirty. */
  metricsGroups(
    query: MetricsQuery & { group_by: NonNullable<MetricsQuery['group_by']> },
    options: CallOptions = {},
  ): Promise<MetricsGroups> {
    return this.#transport.json({ method: 'GET', path: '/system/metrics', query, ...options });
  }

  /** Alerts that fire, oldest first; with a status, others. */
  alerts(query: { status?: AlertStatusQuery; limit?: number } = {}, options: CallOptions = {}): Pages<ListedAlert> {
    return new Pages((cursor) =>
      this.#transport.json<Page<ListedAlert>>({
        method: 'GET',
        path: '/system/alerts',
        query: { ...query, cursor },
        ...options,
      }),
    );
  }

  /** Also a resolved one that has left memory. */
  alert(alertId: string, options: CallOptions = {}): Promise<Alert> {
    return this.#transport.json({ method: 'GET', path: `/system/alerts/${segment(alertId)}`, ...options });
  }

  /** It is raised again only after its condition has cleared. */
  resolveAlert(alertId: string, options: CallOptions & { by?: string } = {}): Promise<Alert> {
    const { by, ...rest } = options;
    const path = `/system/alerts/${segment(alertId)}/resolve`;
    return this.#transport.json({ method: 'POST', path, body: by === undefined ? undefined : { by }, ...rest });
  }

  /** Somebody has taken it up: it notifies nobody until it is resolved. */
  acknowledgeAlert(alertId: string, options: CallOptions & { by?: string } = {}): Promise<Alert> {
    const { by, ...rest } = options;
    const path = `/system/alerts/${segment(alertId)}/acknowledge`;
    return this.#transport.json({ method: 'POST', path, body: by === undefined ? undefined : { by }, ...rest });
  }

  /** The alert rules that apply, with inhibitions and mute times. */
  alertRules(options: CallOptions = {}): Promise<EffectiveAlertRules> {
    return this.#transport.json({ method: 'GET', path: '/system/alert-rules', ...options });
  }

  /** The policies that apply, with what they did in the last hour, and whether they are paused. */
  policies(options: CallOptions = {}): Promise<EffectivePolicies> {
    return this.#transport.json({ method: 'GET', path: '/system/policies', ...options });
  }

  /** The rules of retention, and the jobs that they erase next. */
  retention(options: CallOptions = {}): Promise<Retention> {
    return this.#transport.json({ method: 'GET', path: '/system/retention', ...options });
  }

  /** Ends the pause of the circuit breaker: what stands now does not pause the policies again. */
  resumePolicies(options: CallOptions & { by?: string } = {}): Promise<EffectivePolicies> {
    const { by, ...rest } = options;
    const body = by === undefined ? undefined : { by };
    return this.#transport.json({ method: 'POST', path: '/system/policies/resume', body, ...rest });
  }

  /** The last decisions of policies, newest first: done, or why not. */
  actions(query: ActionsQuery = {}, options: CallOptions = {}): Pages<DecidedAction> {
    return new Pages((cursor) =>
      this.#transport.json<Page<DecidedAction>>({
        method: 'GET',
        path: '/system/actions',
        query: { ...query, cursor },
        ...options,
      }),
    );
  }

  /** When the rules that apply, or others, would have fired: by default in the last day. One at a time. */
  backtestAlertRules(request: BacktestRequest = {}, options: CallOptions = {}): Promise<AlertBacktest> {
    return this.#transport.json({
      method: 'POST',
      path: '/system/alert-rules/backtest',
      body: request,
      timeoutMs: BACKTEST_MS,
      ...options,
    });
  }

  /** What the monitor was started with, without secrets. */
  settings(options: CallOptions = {}): Promise<SystemSettings> {
    return this.#transport.json({ method: 'GET', path: '/system/settings', ...options });
  }

  /** Silences that have not ended, oldest first. */
  silences(options: CallOptions = {}): Pages<Silence> {
    return new Pages((cursor) =>
      this.#transport.json<Page<Silence>>({
        method: 'GET',
        path: '/system/silences',
        query: { cursor },
        ...options,
      }),
    );
  }

  /** Alerts that all its matchers select notify nobody until it ends: at `ends_at`, or with `until_resolved`. */
  createSilence(silence: SilenceCreation, options: CallOptions = {}): Promise<Silence> {
    return this.#transport.json({ method: 'POST', path: '/system/silences', body: silence, ...options });
  }

  endSilence(silenceId: string, options: CallOptions = {}): Promise<Silence> {
    return this.#transport.json({ method: 'DELETE', path: `/system/silences/${segment(silenceId)}`, ...options });
  }

  /** Notifications, newest first; ended ones are kept for a day. */
  notifications(
    query: { state?: NotificationState; job_id?: string; limit?: number } = {},
    options: CallOptions = {},
  ): Pages<Notification> {
    return new Pages((cursor) =>
      this.#transport.json<Page<Notification>>({
        method: 'GET',
        path: '/system/notifications',
        query: { ...query, cursor },
        ...options,
      }),
    );
  }

  notification(notificationId: string, options: CallOptions = {}): Promise<Notification> {
    return this.#transport.json({
      method: 'GET',
      path: `/system/notifications/${segment(notificationId)}`,
      ...options,
    });
  }

  /** Sends it again, under the same `webhook-id`. */
  replayNotification(notificationId: string, options: CallOptions = {}): Promise<Notification> {
    return this.#transport.json({
      method: 'POST',
      path: `/system/notifications/${segment(notificationId)}/replay`,
      ...options,
    });
  }

  /** Sends a test; `notification` says what became of it. */
  testNotification(test: NotificationTest, options: CallOptions = {}): Promise<Notification> {
    return this.#transport.json({ method: 'POST', path: '/system/notifications/test', body: test, ...options });
  }
}
