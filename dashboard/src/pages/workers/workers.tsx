/** The fleet, as cards or as a table: what each worker does, uses and costs. */
import { Button, Checkbox, SegmentedControl, Select, TextInput } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import type { Worker } from '../../../../protocol/worker.ts';
import { sameList, useLive, useSelection } from '../../live/use-live.ts';
import { May } from '../../live/use-may.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Figure, Figures } from '../../parts/figure.tsx';
import { count, percent, usd } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { LaunchButton } from './launch-button.tsx';
import { WorkerCard } from './worker-card.tsx';
import { WorkerTable } from './worker-table.tsx';
import { GROUPINGS, type Grouping, groupOf, matchesText, sumsOf } from './worker-words.ts';
import styles from './workers.module.css';

export function Workers() {
  const live = useLive();
  const [params, setParams] = useSearchParams();
  const view = params.get('view') === 'table' ? 'table' : 'grid';
  const text = params.get('name') ?? '';
  const asked = params.get('group') as Grouping;
  const by = GROUPINGS.includes(asked) ? asked : 'instance type';
  const ended = useEnded(params.get('ended') === 'yes');
  const choose = (name: string, value: string | null) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === null || value === '') next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  // What decides the order and the groups; the rest of a worker changes only its own card.
  const keys = useSelection(live.workers, keysOf, sameList);
  const groups = useMemo(() => {
    const all = [...live.workers.values()].filter(({ state }) => state !== 'TERMINATED');
    const known = new Set(all.map(({ worker_id }) => worker_id));
    return grouped([...all, ...ended.filter(({ worker_id }) => !known.has(worker_id))], by, text, keys);
  }, [live, keys, ended, by, text]);
  const total = live.workers.size + ended.length;
  return (
    <Page
      title="Workers"
      actions={
        <May do="operate">
          <LaunchButton />
        </May>
      }
    >
      <FleetFigures />
      <div className={styles.tools}>
        <TextInput
          className={styles.name}
          value={text}
          onChange={(event) => choose('name', event.currentTarget.value)}
          placeholder="Name, machine, model or zone"
          aria-label="Name, machine, model or zone"
        />
        <Select
          className={styles.group}
          data={GROUPINGS.map((value) => ({ value, label: value === 'none' ? 'not grouped' : `by ${value}` }))}
          value={by}
          onChange={(value) => choose('group', value)}
          aria-label="Group by"
        />
        <Checkbox
          label="ended ones, too"
          checked={params.get('ended') === 'yes'}
          onChange={(event) => choose('ended', event.currentTarget.checked ? 'yes' : null)}
        />
        <SegmentedControl
          className={styles.view}
          data={[
            { value: 'grid', label: 'Grid' },
            { value: 'table', label: 'Table' },
          ]}
          value={view}
          onChange={(value) => choose('view', value === 'grid' ? null : value)}
          aria-label="View"
        />
      </div>
      {total === 0 && <NoWorkers />}
      {total > 0 && groups.length === 0 && (
        <Empty title="No worker matches">
          <Button onClick={() => choose('name', null)}>Show all</Button>
        </Empty>
      )}
      {groups.map(({ name, workers }) => (
        <Panel
          key={name}
          title={name === '' ? 'All workers' : name}
          className={styles.panel}
          aside={<GroupNote workers={workers} />}
        >
          {view === 'table' ? (
            <WorkerTable workers={workers} />
          ) : (
            <div className={styles.grid}>
              {workers.map((worker) => (
                <WorkerCard key={worker.worker_id} first={worker} />
              ))}
            </div>
          )}
        </Panel>
      ))}
    </Page>
  );
}

function FleetFigures() {
  const live = useLive();
  const sums = useSelection(live.workers, sumsOfAll, (a, b) => JSON.stringify(a) === JSON.stringify(b));
  const share = sums.live === 0 ? null : (100 * sums.busy) / sums.live;
  return (
    <Figures>
      <Figure name="Workers" value={count(sums.live)} unit="live" beside={`${count(sums.idle)} without a job`} />
      <Figure name="Busy" value={count(sums.busy)} unit="with a job" beside={`${percent(share)} of the fleet`} />
      <Figure
        name="Not healthy"
        value={count(sums.trouble)}
        unit="workers"
        beside={sums.trouble === 0 ? 'all send heartbeats' : 'degraded or lost'}
      />
      <Figure name="Price" value={usd(sums.usd)} unit="/h" beside={`${usd(sums.usd * 24)} a day at this size`} />
      <Figure name="Idle" value={usd(sums.idle_usd)} unit="/h" beside="of workers without a job" />
      <Figure
        name="Mean price"
        value={sums.live === 0 ? '–' : usd(sums.usd / sums.live)}
        unit="/h"
        beside="of a worker"
      />
    </Figures>
  );
}

function GroupNote({ workers }: { workers: readonly Worker[] }) {
  const { live, busy, usd: price } = sumsOf(workers);
  return `${count(busy)} of ${count(live)} busy · ${usd(price)}/h`;
}

function NoWorkers() {
  return (
    <Empty title="No worker is registered">
      <p>A worker runs beside a speech recognition engine, on this machine or another, and claims jobs. Start one:</p>
      <CommandLine command={`tmon worker --server ${window.location.origin}`} />
    </Empty>
  );
}

const sumsOfAll = (workers: ReturnType<typeof useLive>['workers']) => sumsOf(workers.values());

const keysOf = (workers: ReturnType<typeof useLive>['workers']): string[] =>
  [...workers.values()].map(
    ({ worker_id, state, health, capabilities: { model }, location: { region, instance_type } }) =>
      [worker_id, state === 'TERMINATED', state, health.status, model, region, instance_type].join(' '),
  );

type Group = { name: string; workers: Worker[] };

function grouped(workers: readonly Worker[], by: Grouping, text: string, _keys: readonly string[]): Group[] {
  const groups = new Map<string, Worker[]>();
  for (const worker of workers.filter((one) => matchesText(one, text))) {
    const name = groupOf(worker, by);
    groups.set(name, [...(groups.get(name) ?? []), worker]);
  }
  return [...groups]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, all]) => ({ name, workers: all.sort((a, b) => a.worker_id.localeCompare(b.worker_id)) }));
}

const ENDED_MAX = 500;

/** Workers that have ended are not in the feed; they are fetched when somebody wants to see them. */
function useEnded(wanted: boolean): readonly Worker[] {
  const { api } = useLive();
  const [ended, setEnded] = useState<readonly Worker[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      const found: Worker[] = [];
      for await (const worker of api.workers.list({ limit: 200 }, { signal: stop.signal })) {
        if (worker.state === 'TERMINATED') found.push(worker);
        if (found.length === ENDED_MAX) break;
      }
      return found;
    };
    if (wanted) read().then(setEnded, () => {});
    else setEnded([]);
    return () => stop.abort();
  }, [api, wanted]);
  return ended;
}
