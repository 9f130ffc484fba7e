/** What workers and models did, by hour or day, as users see it. */
import type { MetricsShare } from '../../protocol/system.ts';
import { formatTime } from '../../protocol/time.ts';
import { REST, type Share, type ShareStep } from '../state-machine/state/shares.ts';
import { round, seconds } from './figures.ts';
import { STEP_MS } from './system.ts';

export function shareDocument(
  step: ShareStep,
  { period, name, share }: { period: number; name: string; share: Share },
): MetricsShare {
  const { completed, attempts_failed, processing_ms, busy_ms, audio_ms, cost_micro_usd } = share;
  const ended = completed + attempts_failed;
  return {
    period_start: formatTime(period * STEP_MS[step]),
    group: name === REST ? null : name,
    jobs_completed: completed,
    attempts_failed,
    success_rate: ended > 0 ? round(completed / ended, 1e4) : null,
    average_processing_time: completed > 0 ? seconds(processing_ms / completed) : null,
    busy_seconds: seconds(busy_ms),
    audio_seconds: seconds(audio_ms),
    realtime_factor: audio_ms > 0 ? round(processing_ms / audio_ms, 1e4) : null,
    cost_total: cost_micro_usd / 1e6,
  };
}
