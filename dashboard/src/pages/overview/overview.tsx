/** The overview: what needs somebody, six figures, the last day, the fleet, and what runs now. */
import { Link } from 'wouter';
import { useLive, useSelection, useValue } from '../../live/use-live.ts';
import { useMayAny } from '../../live/use-may.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { Empty } from '../../parts/empty.tsx';
import { FleetSquares } from '../../parts/fleet-squares.tsx';
import { count } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { JobRows } from '../submit/rows.tsx';
import { FirstStart, useFirstStart } from './first-start.tsx';
import { HistoryChart } from './history-chart.tsx';
import { NeedsYou } from './needs-you.tsx';
import styles from './overview.module.css';
import { Running } from './running.tsx';
import { SixFigures } from './six-figures.tsx';
import { useLatestJobs } from './use-latest-jobs.ts';

const LATEST = 10;
const TONES = { HEALTHY: 'ok', DEGRADED: 'warn', UNHEALTHY: 'bad' } as const;
const WORDS = { HEALTHY: 'Healthy', DEGRADED: 'Degraded', UNHEALTHY: 'Unhealthy' } as const;

/** For every role: the fleet, for those who may look at it; their own jobs; or what a key for workers is for. */
export function Overview() {
  const mayAny = useMayAny();
  if (mayAny('fleet')) return <FleetOverview />;
  return mayAny('read') ? <OwnOverview /> : <WorkerOverview />;
}

function FleetOverview() {
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

function OwnOverview() {
  const mayAny = useMayAny();
  const jobs = useLatestJobs(LATEST);
  return (
    <Page title="Overview">
      <NeedsYou />
      <Running />
      {jobs && (
        <Panel title="Latest jobs" className={styles.latest} aside={<Link href="/jobs">all jobs</Link>}>
          {jobs.length === 0 ? (
            <Empty title="No job yet">
              {mayAny('submit') && (
                <p>
                  <Link href="/submit">Submit audio</Link>, and follow it here.
                </p>
              )}
            </Empty>
          ) : (
            <JobRows ids={jobs} />
          )}
        </Panel>
      )}
    </Page>
  );
}

function WorkerOverview() {
  return (
    <Page title="Overview">
      <Empty title="This key is for workers">
        <p>It registers workers, claims jobs and reports on them. There is nothing that it may look at here.</p>
        <CommandLine command={`tmon worker --server ${window.location.origin}`} />
      </Empty>
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
