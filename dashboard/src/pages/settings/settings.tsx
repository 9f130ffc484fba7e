/** What the monitor was started with, and who is notified; it is changed by its options, not here. */
import { TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { SystemSettings } from '../../../../protocol/system.ts';
import { useLive, useValue } from '../../live/use-live.ts';
import { CommandLine } from '../../parts/command-line.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Facts } from '../../parts/facts.tsx';
import { count } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { Notifiers } from './notifiers.tsx';
import { isChosen, SECTIONS, type Setting, sectionOf, shownValue } from './setting-words.ts';
import styles from './settings.module.css';

const COLUMNS: readonly Column<Setting>[] = [
  {
    name: 'Setting',
    width: 'min(230px, 60%)',
    narrow: true,
    cell: ({ name }) => (
      <span className="mono" title={`--${name.replaceAll('_', '-')} or TMON_${name.toUpperCase()}`}>
        {name}
      </span>
    ),
  },
  {
    name: 'Value',
    width: 'min(210px, 40%)',
    narrow: true,
    cell: (setting) => (
      <span className={styles.value} data-chosen={isChosen(setting) || undefined} title={String(setting.value ?? '')}>
        {shownValue(setting.name, setting.value)}
      </span>
    ),
  },
  { name: 'Meaning', muted: true, cell: ({ meaning }) => <span title={meaning}>{meaning}</span> },
  {
    name: 'Default',
    width: '130px',
    muted: true,
    wide: true,
    cell: (setting) => (isChosen(setting) ? shownValue(setting.name, setting.default) : ''),
  },
];

export function Settings() {
  const { api } = useLive();
  const [settings, setSettings] = useState<SystemSettings | null>(null);
  const [text, setText] = useState('');
  useEffect(() => {
    const stop = new AbortController();
    api.system.settings({ signal: stop.signal }).then(setSettings, () => {});
    return () => stop.abort();
  }, [api]);
  if (!settings) {
    return (
      <Page title="Settings">
        <div aria-busy="true" />
      </Page>
    );
  }
  const wanted = text.trim().toLowerCase();
  const found = settings.settings.filter(({ name, meaning }) => `${name} ${meaning}`.toLowerCase().includes(wanted));
  return (
    <Page title="Settings">
      <div className={styles.columns}>
        <About settings={settings} />
        <Notifiers destinations={settings.destinations} />
        <Keys />
      </div>
      <div className={styles.tools}>
        <TextInput
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          placeholder="Find a setting"
          aria-label="Find a setting"
          w={260}
        />
        <span className={styles.note}>
          {count(settings.settings.filter(isChosen).length)} chosen, the others as by default. Settings are options of
          tmon serve, or variables of its environment.
        </span>
      </div>
      {found.length === 0 && <Empty title="No setting has this in its name or meaning" />}
      {SECTIONS.map((section) => {
        const rows = found.filter((setting) => sectionOf(setting) === section);
        return (
          rows.length > 0 && (
            <Panel key={section} title={section} className={styles.panel}>
              <Table label={section} columns={COLUMNS} rows={rows} keyOf={({ name }) => name} />
            </Panel>
          )
        );
      })}
    </Page>
  );
}

function About({ settings: { version, store, settings } }: { settings: SystemSettings }) {
  const live = useLive();
  const { seq, state } = useValue(live.connection);
  const of = (name: string) => settings.find((one) => one.name === name)?.value ?? null;
  return (
    <Panel title="This monitor">
      <Facts
        facts={[
          ['Version', version],
          [
            'Store',
            <span key="store" className="mono">
              {store}
            </span>,
          ],
          ['Segment', count(seq)],
          ['Connection', state],
          ['Fleet', of('fleet')],
          ['Queue', of('queue')],
          [
            'API',
            <a key="api" href="/docs">
              /docs
            </a>,
          ],
        ]}
      />
    </Panel>
  );
}

function Keys() {
  const session = useValue(useLive().session);
  return (
    <Panel title="Keys and audit">
      <div className={styles.text}>
        {session?.keys_required ? (
          <p>
            This monitor has keys. You are signed in with {session.name || session.key_id}, role {session.role}.
          </p>
        ) : (
          <>
            <p>No keys: everybody who reaches the port of this monitor may do everything.</p>
            <p>It therefore serves only this machine. The first key makes the others necessary:</p>
            <CommandLine command="tmon keys create --role admin" />
          </>
        )}
      </div>
    </Panel>
  );
}
