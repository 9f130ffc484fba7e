/** What jobs cost, how many there were, how long they took and why they failed, by day or another group; and jobs by any condition. */
import { Select, Tabs } from '@mantine/core';
import { useSearchParams } from 'wouter';
import { GROUPS, type Group } from '../../../../protocol/analytics-words.ts';
import { Page } from '../../parts/page.tsx';
import tabs from '../queues/queues.module.css';
import { Bottlenecks } from './bottlenecks.tsx';
import { FilteredJobs } from './filtered-jobs.tsx';
import styles from './insights.module.css';
import { isRange, RANGES, type Range } from './ranges.ts';
import { ReportView } from './report-view.tsx';
import { REPORTS } from './reports.tsx';

const VIEWS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(REPORTS).map(([id, { name }]) => [id, name])),
  bottlenecks: 'Bottlenecks',
  jobs: 'Jobs by condition',
};

export function Insights() {
  const [params, setParams] = useSearchParams();
  const asked = params.get('report') ?? '';
  const view = Object.hasOwn(VIEWS, asked) ? asked : 'costs';
  const asked_range = params.get('range');
  const range: Range = isRange(asked_range) ? asked_range : 'last 7 days';
  const asked_group = params.get('group') as Group | null;
  const usual: Group = view === 'failures' ? 'error_code' : range === 'today' || range === 'yesterday' ? 'hour' : 'day';
  const group = asked_group !== null && GROUPS.includes(asked_group) ? asked_group : usual;
  const choose = (change: Record<string, string | null>) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(change)) {
          if (value === null) next.delete(name);
          else next.set(name, value);
        }
        return next;
      },
      { replace: true },
    );
  return (
    <Page title="Insights">
      <Tabs
        value={view}
        onChange={(value) => choose({ report: value, group: null })}
        className={tabs.tabs!}
        keepMounted={false}
      >
        <Tabs.List>
          {Object.entries(VIEWS).map(([id, name]) => (
            <Tabs.Tab key={id} value={id}>
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={view}>
          <div className={styles.tools}>
            <Select
              data={[...RANGES]}
              value={range}
              onChange={(value) => choose({ range: value === 'last 7 days' ? null : value, group: null })}
              aria-label="Range"
              w={150}
            />
            {Object.hasOwn(REPORTS, view) && (
              <Select
                data={GROUPS.map((value) => ({ value, label: `by ${value.replace('_', ' ')}` }))}
                value={group}
                onChange={(value) => choose({ group: value === usual ? null : value })}
                aria-label="Group by"
                w={150}
              />
            )}
            <span className={styles.note}>jobs that ended in this time; days in UTC</span>
          </div>
          {Object.hasOwn(REPORTS, view) && (
            <ReportView key={view} id={view} report={REPORTS[view]!} range={range} group={group} />
          )}
          {view === 'bottlenecks' && <Bottlenecks range={range} />}
          {view === 'jobs' && <FilteredJobs range={range} />}
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
