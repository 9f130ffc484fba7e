/** The first panel: each line a finding with its evidence, its age and the one button that helps. */
import { Anchor, Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import type { Job } from '../../../../protocol/job.ts';
import type { Live } from '../../live/live.ts';
import type { Records } from '../../live/records.ts';
import { useLive, useSelection, useValue } from '../../live/use-live.ts';
import { May, useMay, useMayAny } from '../../live/use-may.tsx';
import { useAct } from '../../parts/act.tsx';
import { Panel } from '../../parts/panel.tsx';
import { doable } from '../../parts/remedy.ts';
import { RemedyButton } from '../../parts/remedy-button.tsx';
import { Ago, Sentence } from '../../parts/time.tsx';
import { type Need, needsOf } from './needs.ts';
import styles from './needs-you.module.css';

const SHOWN_MAX = 5;
const OFF_TRACK = ['hung', 'dead', 'slow', 'blocked', 'starved'] as const;

export function NeedsYou() {
  const live = useLive();
  const [all, setAll] = useState(false);
  useOffTrackJobs(live);
  const jobs = useSelection(live.jobs, offTrack, sameEntries);
  const workers = useSelection(live.workers, everything, sameEntries);
  const alerts = useSelection(live.alerts, everything, sameEntries);
  const needs = needsOf({ alerts, jobs, workers });
  if (needs.length === 0) {
    return (
      <p className={styles.quiet}>
        <i aria-hidden="true" />
        Nothing needs you.
      </p>
    );
  }
  return (
    <Panel
      title="Needs you"
      className={styles.panel}
      aside={
        <May do="fleet">
          <Link href="/alerts">all alerts</Link>
        </May>
      }
    >
      <ul className={styles.needs}>
        {(all ? needs : needs.slice(0, SHOWN_MAX)).map((need) => (
          <Line key={need.key} need={need} />
        ))}
      </ul>
      {needs.length > SHOWN_MAX && (
        <p className={styles.more}>
          <Anchor component="button" type="button" inherit c="dimmed" onClick={() => setAll(!all)} aria-expanded={all}>
            {all ? 'Show the first only' : `Show ${needs.length - SHOWN_MAX} more`}
          </Anchor>
        </p>
      )}
    </Panel>
  );
}

function Line({ need }: { need: Need }) {
  const mayAny = useMayAny();
  return (
    <li className={styles.need} data-tone={need.tone}>
      <i aria-hidden="true" />
      <div className={styles.what}>
        <Link href={need.href}>
          <bdi>{need.title}</bdi>
        </Link>
        <small>
          <Sentence text={need.evidence} />
        </small>
      </div>
      <span className={styles.age}>
        <Ago at={need.since} bare />
      </span>
      <span className={styles.action}>
        {doable(need.remedies, mayAny).length > 0 ? (
          <RemedyButton remedies={need.remedies} label={need.label} />
        ) : (
          <Acknowledge alerts={need.alerts} href={need.href} />
        )}
      </span>
    </li>
  );
}

function Acknowledge({ alerts, href }: { alerts: readonly string[]; href: string }) {
  const live = useLive();
  const { busy, act } = useAct();
  const mayAcknowledge = useMay('operate');
  if (alerts.length === 0 || !mayAcknowledge) {
    return (
      <Button component={Link} href={href}>
        Look
      </Button>
    );
  }
  const acknowledge = async () => {
    for (const id of alerts) live.tookAlert(await live.api.system.acknowledgeAlert(id, { by: 'dashboard' }));
    return { text: alerts.length === 1 ? 'Acknowledged.' : `${alerts.length} alerts acknowledged.` };
  };
  return (
    <Button loading={busy} onClick={() => act(acknowledge)}>
      Acknowledge
    </Button>
  );
}

/** Documents of jobs off track, once; the feed then says which jobs come and go. */
function useOffTrackJobs(live: Live): void {
  const epoch = useValue(live.epoch);
  const known = useSelection(live.active, offTrackIds, (a, b) => a.join() === b.join());
  // biome-ignore lint/correctness/useExhaustiveDependencies: the epoch says that events were missed.
  useEffect(() => {
    const stop = new AbortController();
    for (const verdict of OFF_TRACK) {
      const page = () => live.api.jobs.list({ verdict, limit: 20 }, { signal: stop.signal }).page();
      live.fetching(page, ({ items }) => items).catch(() => {});
    }
    return () => stop.abort();
  }, [live, epoch]);
  useEffect(() => {
    for (const id of known) live.want(id);
  }, [live, known]);
}

const IDS_MAX = 100;

const offTrackIds = (active: Live['active']): string[] =>
  [...active.entries()]
    .filter(([, { verdict }]) => verdict !== 'on_track')
    .slice(0, IDS_MAX)
    .map(([id]) => id);

const offTrack = (jobs: Records<Job>): Job[] =>
  [...jobs.values()].filter(({ verdict }) => verdict !== null && verdict.status !== 'on_track');

const everything = <T,>(records: Records<T>): T[] => [...records.values()];

const sameEntries = <T,>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((one, index) => one === b[index]);
