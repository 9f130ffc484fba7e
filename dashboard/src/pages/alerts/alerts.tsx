/** Alerts: those that fire or are about to, those that are over, silences, the rules with a backtest, policies, and what was delivered. */
import { Tabs } from '@mantine/core';
import { useSearchParams } from 'wouter';
import { useLive, useSelection } from '../../live/use-live.ts';
import { count } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import tabs from '../queues/queues.module.css';
import { ActiveAlerts } from './active-alerts.tsx';
import { Deliveries } from './deliveries.tsx';
import { Policies } from './policies.tsx';
import { ResolvedAlerts } from './resolved-alerts.tsx';
import { Rules } from './rules.tsx';
import { Silences } from './silences.tsx';

const TABS = [
  ['active', 'Active', ActiveAlerts],
  ['resolved', 'Resolved', ResolvedAlerts],
  ['silences', 'Silences', Silences],
  ['rules', 'Rules', Rules],
  ['policies', 'Policies', Policies],
  ['deliveries', 'Deliveries', Deliveries],
] as const;

export function Alerts() {
  const live = useLive();
  const active = useSelection(live.alerts, (all) => all.size);
  const [params, setParams] = useSearchParams();
  const asked = params.get('tab') ?? '';
  const shown = TABS.some(([value]) => value === asked) ? asked : 'active';
  return (
    <Page title="Alerts">
      <Tabs
        value={shown}
        onChange={(value) => setParams(value && value !== 'active' ? { tab: value } : {}, { replace: true })}
        className={tabs.tabs!}
        keepMounted={false}
      >
        <Tabs.List>
          {TABS.map(([value, name]) => (
            <Tabs.Tab key={value} value={value}>
              {name}
              {value === 'active' && active > 0 && (
                <span className={tabs.count} data-bad>
                  {' '}
                  {count(active)}
                </span>
              )}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map(([value, , Content]) => (
          <Tabs.Panel key={value} value={value}>
            <Content />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Page>
  );
}
