/** The timeline: a lane an attempt, to scale; the open end is hatched while nothing moves. */
import type { Job } from '../../../../protocol/job.ts';
import { ended } from '../../live/reduce-job.ts';
import { useNow } from '../../parts/clock.ts';
import { duration } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { At } from '../../parts/time.tsx';
import styles from './timeline.module.css';
import { timelineOf } from './timeline.ts';

export function TimelinePanel({ job }: { job: Job }) {
  const now_ms = useNow();
  const { lanes, queued_seconds, worked_seconds, from_ms, to_ms } = timelineOf(job, now_ms);
  return (
    <Panel title="Timeline" aside={`queued ${duration(queued_seconds)} · worked ${duration(worked_seconds)}`}>
      <ol className={styles.lanes}>
        {lanes.map(({ attempt, worker_id, parts }) => (
          <li key={attempt} className={styles.lane}>
            <span title={worker_id ?? undefined}>Attempt {attempt}</span>
            <div>
              {parts.map(({ kind, from, width, label, seconds }) => (
                <i
                  key={`${kind} ${from}`}
                  data-kind={kind === 'work' && job.verdict?.status === 'slow' ? 'slow' : kind}
                  style={{ left: `${from}%`, width: `max(3px, ${width}%)` }}
                  title={`${label}, ${duration(seconds)}${worker_id ? `, ${worker_id}` : ''}`}
                >
                  {kind !== 'stalled' && width > 8 ? label : ''}
                  <span className="visually-hidden">
                    {label} for {duration(seconds)}
                  </span>
                </i>
              ))}
            </div>
          </li>
        ))}
      </ol>
      <p className={styles.scale}>
        <At at={new Date(from_ms).toISOString()} />
        {ended(job.state) ? <At at={new Date(to_ms).toISOString()} /> : 'now'}
      </p>
    </Panel>
  );
}
