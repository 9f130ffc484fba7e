/** Six figures, each with its trend or its companion. */
import { useLive, useSelection, useValue } from '../../live/use-live.ts';
import { useNow } from '../../parts/clock.ts';
import { Figure, Figures } from '../../parts/figure.tsx';
import { briefDuration, count, factor, NONE, usd } from '../../parts/format.ts';
import { audioPerHour, fleetUse, successTrend, sumsOf, throughputTrend } from './figures.ts';
import { useHistory } from './use-history.ts';

const DAY_MS = 24 * 3_600_000;

export function SixFigures() {
  const live = useLive();
  const system = useValue(live.system);
  const queue = useValue(live.queue);
  const hours = useHistory('hour', 49) ?? [];
  const use = useSelection(live.workers, useOfFleet, (a, b) => JSON.stringify(a) === JSON.stringify(b));
  const at_ms = system ? Date.parse(system.timestamp) : 0;
  const day = sumsOf(hours, at_ms - DAY_MS, at_ms + 1);
  const rate = system?.components.jobs.success_rate_24h ?? null;
  const throughput = system?.metrics.throughput_jobs_per_hour;
  const trend = throughput === undefined ? null : throughputTrend(throughput, hours, at_ms);
  const success = successTrend(rate, hours, at_ms);
  const realtime = day.busy_seconds > 0 ? day.audio_seconds / day.busy_seconds : null;
  const per_minute = day.audio_seconds > 0 && day.cost_usd > 0 ? day.cost_usd / (day.audio_seconds / 60) : null;
  return (
    <Figures>
      <Figure
        name="Throughput"
        value={throughput === undefined ? NONE : count(throughput)}
        unit="jobs/h"
        trend={trend}
        beside={trend ? 'vs. yesterday' : 'last 60 minutes'}
      />
      <Figure
        name="Audio"
        value={system ? audioPerHour(hours, at_ms).toFixed(hours.length > 0 ? 1 : 0) : NONE}
        unit="h/h"
        beside={`${factor(realtime)} real time`}
      />
      <Figure
        name="Success, 24 h"
        value={rate === null ? NONE : (rate * 100).toFixed(1)}
        unit="%"
        trend={success}
        beside={success ? 'vs. the day before' : `${count(day.completed)} completed`}
      />
      <Figure
        name="Queue"
        value={queue ? count(queue.messages_visible) : NONE}
        unit="waiting"
        beside={
          queue && <Oldest seconds={queue.age_oldest_message} at={queue.updated_at} delayed={queue.messages_delayed} />
        }
      />
      <Figure
        name="Cost"
        value={usd(system?.metrics.cost_per_hour_usd)}
        unit="/h"
        beside={per_minute === null ? 'no priced work in 24 h' : `${usd(per_minute)} a minute of audio`}
      />
      <Figure
        name={`${use.kind} in use`}
        value={use.mean === null ? NONE : String(Math.round(use.mean))}
        unit="%"
        beside={use.idle_usd > 0 ? `${usd(use.idle_usd)}/h idle` : 'no worker idle at a price'}
      />
    </Figures>
  );
}

const useOfFleet = (workers: ReturnType<typeof useLive>['workers']) => fleetUse(workers.values());

function Oldest({ seconds, at, delayed }: { seconds: number | null; at: string; delayed: number }) {
  const now_ms = useNow();
  const later = delayed > 0 ? `${count(delayed)} delayed` : '';
  if (seconds === null) return later || 'none waits';
  const age = seconds + Math.max(0, (now_ms - Date.parse(at)) / 1000);
  return `oldest ${briefDuration(age)}${later && `, ${later}`}`;
}
