/** The rules that apply, and when they, or others, would have fired. */
import { useEffect, useState } from 'react';
import type { EffectiveAlertRules } from '../../../../protocol/alert.ts';
import { useLive } from '../../live/use-live.ts';
import { NONE } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { conditionOf, type Rule, severityTone } from './alert-words.ts';
import styles from './alerts.module.css';
import { Backtest } from './backtest.tsx';

const COLUMNS: readonly Column<Rule>[] = [
  { name: 'Rule', width: '200px', narrow: true, cell: ({ name }) => <span className="mono">{name}</span> },
  { name: 'Fires when', narrow: true, cell: (rule) => <span title={conditionOf(rule)}>{conditionOf(rule)}</span> },
  {
    name: 'Severity',
    width: '112px',
    cell: ({ severity }) => <Pill tone={severityTone(severity)}>{severity.toLowerCase()}</Pill>,
  },
  {
    name: 'Labels',
    width: '20%',
    muted: true,
    wide: true,
    cell: ({ labels }) =>
      Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(', ') || NONE,
  },
];

export function Rules() {
  const { api } = useLive();
  const [rules, setRules] = useState<EffectiveAlertRules | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    api.system.alertRules({ signal: stop.signal }).then(setRules, () => {});
    return () => stop.abort();
  }, [api]);
  if (rules === null) return <div aria-busy="true" />;
  return (
    <>
      {rules.problem && (
        <Panel title="The file of rules has a mistake; the earlier rules apply" className={styles.panel}>
          <p className={styles.errors}>{rules.problem}</p>
        </Panel>
      )}
      <Backtest />
      <Panel title="Rules" aside="change them with --alert-rules FILE, which is read again when it changes">
        <Table label="Rules" columns={COLUMNS} rows={rules.rules} keyOf={({ name }) => name} />
      </Panel>
    </>
  );
}
