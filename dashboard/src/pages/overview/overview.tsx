/** The overview: what needs somebody, six figures, the last day, the fleet, and what runs now. */
import { useLive, useSelection, useValue } from '../../live/use-live.ts';
import { FleetSquares } from '../../parts/fleet-squares.tsx';
import { count } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { FirstStart, useFirstStart } from './first-start.tsx';
import { HistoryChart } from './history-chart.tsx';
import { NeedsYou } from './needs-you.tsx';
import styles from './overview.module.css';
import { Running } from './running.tsx';
import { SixFigures } from './six-figures.tsx';

const TONES = { HEALTHY: 'ok', DEGRADED: 'warn', UNHEALTHY: 'bad' } as const;
const WORDS = { HEALTHY: 'Healthy', DEGRADED: 'Degraded', UNHEALTHY: 'Unhealthy' } as const;

export function Overview() {
  const live = useLive();
  const system = useValue(live.system);
  const workers = useSelection(live.workers, (all) => all.size);
  const first = useFirstStart();
  if (first) return <FirstStart />;
  const status = system?.overall_status;
  return (
    <Page
      title="Overview"
      state={
        status && (
          <Pill tone={TONES[status]} title={componentsOf(system)}>
            {WORDS[status]}
          </Pill>
        )
      }
    >
      <NeedsYou />
      <SixFigures />
      <div className={styles.grid}>
        <HistoryChart />
        <Panel title="Fleet" aside={`${count(workers)} workers`}>
          {workers === 0 ? (
            <p className={styles.none}>
              No worker is registered: <code className="mono">tmon worker</code> starts one.
            </p>
          ) : (
            <FleetSquares />
          )}
        </Panel>
      </div>
      <Running />
    </Page>
  );
}

/** `queue healthy, workers degraded, jobs healthy` */
function componentsOf({
  components,
}: NonNullable<ReturnType<typeof useLive>['system'] extends { get(): infer T } ? T : never>): string {
  return Object.entries(components)
    .map(([name, part]) => `${name} ${part?.status.toLowerCase()}`)
    .join(', ');
}
