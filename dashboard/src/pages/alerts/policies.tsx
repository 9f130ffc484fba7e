/** What the monitor does about verdicts by itself: the policies that apply, and what they did or would have done. */
import { Button, SegmentedControl } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { ActionOutcome, DecidedAction, EffectivePolicies, Mode } from '../../../../protocol/policies.ts';
import { useLive, useValue } from '../../live/use-live.ts';
import { May } from '../../live/use-may.tsx';
import { useSlowly } from '../../live/use-slowly.ts';
import { useAct } from '../../parts/act.tsx';
import { Empty } from '../../parts/empty.tsx';
import { count, duration, NONE } from '../../parts/format.ts';
import type { Tone } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { At } from '../../parts/time.tsx';
import styles from './alerts.module.css';
import { useList } from './use-pages.ts';

const SHOWN_MAX = 200;
const AGAIN_MS = 3_000;

type Policy = EffectivePolicies['policies'][number];

const MODES: Readonly<Record<Mode, { word: string; tone: Tone }>> = {
  on: { word: 'on', tone: 'ok' },
  dry_run: { word: 'dry run', tone: 'idle' },
  off: { word: 'off', tone: 'idle' },
};

const OUTCOMES: Readonly<Record<ActionOutcome, { word: string; tone: Tone }>> = {
  acted: { word: 'acted', tone: 'ok' },
  dry_run: { word: 'would have', tone: 'idle' },
  limited: { word: 'limited', tone: 'warn' },
  paused: { word: 'paused', tone: 'warn' },
  refused: { word: 'refused', tone: 'bad' },
};

const words = (name: string): string => name.replaceAll('_', ' ');

export function Policies() {
  const live = useLive();
  const version = useSlowly(useValue(live.system)?.as_of_seq ?? 0, AGAIN_MS);
  const [policies, setPolicies] = useState<EffectivePolicies | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the system has changed.
  useEffect(() => {
    const stop = new AbortController();
    live.api.system.policies({ signal: stop.signal }).then(setPolicies, () => {});
    return () => stop.abort();
  }, [live, version]);
  if (policies === null) return <div aria-busy="true" />;
  const { paused, problem, circuit_breaker } = policies;
  const { actions, within_seconds, pause_seconds } = circuit_breaker;
  return (
    <>
      {paused && <Paused paused={paused} onResume={setPolicies} />}
      <Panel
        title="Policies"
        className={styles.panel}
        aside={`more than ${count(actions)} in ${duration(within_seconds)} pause all for ${duration(pause_seconds)}`}
      >
        {problem && (
          <p className={styles.problem}>The file of policies has a mistake, the earlier ones apply: {problem}</p>
        )}
        <Table label="Policies" columns={COLUMNS} rows={policies.policies} keyOf={({ name }) => name} />
      </Panel>
      <Decisions version={version} />
    </>
  );
}

const COLUMNS: readonly Column<Policy>[] = [
  {
    name: 'Policy',
    narrow: true,
    cell: ({ name, where }) => (
      <span title={where.map(({ name: label, op, value }) => `${label}${op}${value}`).join(', ') || undefined}>
        <span className="mono">{name}</span>
        {where.length > 0 && ` · ${count(where.length)} limits`}
      </span>
    ),
  },
  { name: 'Verdict', width: '100px', muted: true, cell: ({ verdict }) => verdict },
  { name: 'Action', width: '160px', cell: ({ action }) => words(action) },
  {
    name: 'Mode',
    width: '100px',
    narrow: true,
    cell: ({ mode }) => <Pill tone={MODES[mode].tone}>{MODES[mode].word}</Pill>,
  },
  {
    name: 'After',
    width: '84px',
    right: true,
    muted: true,
    wide: true,
    cell: ({ after_seconds }) => (after_seconds === 0 ? 'at once' : duration(after_seconds)),
  },
  { name: 'Most an hour', width: '110px', right: true, muted: true, wide: true, cell: ({ per_hour }) => per_hour },
  {
    name: 'Last hour',
    width: 'min(170px, 26%)',
    right: true,
    narrow: true,
    cell: ({ last_hour: { acted, dry_run } }) =>
      acted + dry_run === 0
        ? NONE
        : [acted > 0 ? `${count(acted)} done` : '', dry_run > 0 ? `${count(dry_run)} would be` : '']
            .filter((part) => part !== '')
            .join(', '),
  },
];

type PausedProps = {
  paused: NonNullable<EffectivePolicies['paused']>;
  onResume: (policies: EffectivePolicies) => void;
};

function Paused({ paused: { reason, until }, onResume }: PausedProps) {
  const { api } = useLive();
  const { busy, act } = useAct();
  const resume = async () => {
    onResume(await api.system.resumePolicies());
    return { text: 'Policies go on: what stands now does not pause them again.' };
  };
  return (
    <div className={styles.paused}>
      <p>
        <b>All policies are paused</b> until <At at={until} />: {reason}
      </p>
      <May do="operate">
        <Button loading={busy} onClick={() => act(resume)}>
          Resume
        </Button>
      </May>
    </div>
  );
}

const CHOICES = { all: 'all', acted: 'acted', dry_run: 'would have', refused: 'refused' } as const;
type Choice = keyof typeof CHOICES;

function Decisions({ version }: { version: number }) {
  const { api } = useLive();
  const [params, setParams] = useSearchParams();
  const asked = params.get('outcome') as Choice;
  const outcome = Object.hasOwn(CHOICES, asked ?? '') ? asked : 'all';
  const { items } = useList(
    (signal) => api.system.actions({ ...(outcome === 'all' ? {} : { outcome }), limit: SHOWN_MAX }, { signal }),
    { version: `${version} ${outcome}`, most: SHOWN_MAX },
  );
  if (items === null) return <div aria-busy="true" />;
  return (
    <Panel
      title="What they did, the last first"
      aside={
        <SegmentedControl
          data={Object.entries(CHOICES).map(([value, label]) => ({ value, label }))}
          value={outcome}
          onChange={(value) =>
            setParams({ tab: 'policies', ...(value === 'all' ? {} : { outcome: value }) }, { replace: true })
          }
          aria-label="Outcome"
        />
      }
    >
      {items.length === 0 ? (
        <Empty title="Nothing was decided">
          <p>A policy decides when a verdict stands. In a dry run it only says here what it would have done.</p>
        </Empty>
      ) : (
        <Table label="Decisions" columns={DECISIONS} rows={items} keyOf={({ id }) => id} />
      )}
    </Panel>
  );
}

const DECISIONS: readonly Column<DecidedAction>[] = [
  { name: 'At', width: '118px', muted: true, cell: ({ at }) => <At at={at} /> },
  {
    name: 'Outcome',
    width: '116px',
    narrow: true,
    cell: ({ outcome }) => <Pill tone={OUTCOMES[outcome].tone}>{OUTCOMES[outcome].word}</Pill>,
  },
  {
    name: 'Action',
    width: '150px',
    narrow: true,
    cell: ({ action, policy }) => <span title={policy}>{words(action)}</span>,
  },
  { name: 'About', width: '20%', narrow: true, cell: (decided) => <About decided={decided} /> },
  { name: 'Why', muted: true, cell: ({ reason }) => <span title={reason}>{reason}</span> },
  {
    name: 'Machine',
    width: '100px',
    muted: true,
    wide: true,
    cell: ({ machine }) => (machine ? <span title={machine.details ?? undefined}>{machine.state}</span> : NONE),
  },
];

function About({ decided: { job_id, worker_id } }: { decided: DecidedAction }) {
  if (job_id === null) return worker_id && <Link href={`/workers/${encodeURIComponent(worker_id)}`}>{worker_id}</Link>;
  return (
    <Link href={`/jobs/${encodeURIComponent(job_id)}`} className="mono" title={job_id}>
      {job_id}
    </Link>
  );
}
