/** API keys: those that count, on request also those that no longer do; each can be given a new secret, or revoked. */
import { Checkbox } from '@mantine/core';
import { useState } from 'react';
import { useSearchParams } from 'wouter';
import type { ApiKey, NewApiKey } from '../../../../protocol/api-keys.ts';
import { useLive, useValue } from '../../live/use-live.ts';
import { useNow } from '../../parts/clock.ts';
import { CommandLine } from '../../parts/command-line.tsx';
import { ConfirmButton } from '../../parts/confirm-button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { count, NONE } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { Ago, At } from '../../parts/time.tsx';
import { useList } from '../alerts/use-pages.ts';
import { CreateKey } from './create-key.tsx';
import { limitOf, stateOf } from './key-words.ts';
import styles from './keys.module.css';
import { NewSecret } from './new-secret.tsx';
import { RotateKey } from './rotate-key.tsx';

export function Keys() {
  const live = useLive();
  const session = useValue(live.session);
  const now_ms = useNow();
  const [params, setParams] = useSearchParams();
  const all = params.get('show') === 'all';
  const { items, again } = useList((signal) => live.api.keys.list({ signal }), { version: 0, most: 10_000 });
  const [made, setMade] = useState<NewApiKey | null>(null);
  const onMade = (key: NewApiKey) => {
    setMade(key);
    again();
  };
  if (session?.keys_required === false) return <NoKeys />;
  const shown = items?.filter((key) => all || stateOf(key, now_ms).counts).toReversed() ?? [];
  const ended = (items?.length ?? 0) - (items?.filter((key) => stateOf(key, now_ms).counts).length ?? 0);
  return (
    <Page title="Keys" actions={<CreateKey onMade={onMade} />}>
      {items === null ? (
        <div aria-busy="true" />
      ) : (
        <Panel
          title="API keys, the newest first"
          aside={
            ended > 0 && (
              <Checkbox
                label={`${count(ended)} revoked or expired, too`}
                checked={all}
                onChange={(event) => setParams(event.currentTarget.checked ? { show: 'all' } : {}, { replace: true })}
              />
            )
          }
        >
          {shown.length === 0 ? (
            <Empty title="No key counts">
              <p>People sign in without one. Programs and workers each need a key.</p>
            </Empty>
          ) : (
            <Table label="API keys" columns={columnsOf({ onMade, again })} rows={shown} keyOf={({ id }) => id} />
          )}
        </Panel>
      )}
      {made && <NewSecret made={made} onClose={() => setMade(null)} />}
    </Page>
  );
}

function columnsOf(actions: { onMade: (key: NewApiKey) => void; again: () => void }): readonly Column<ApiKey>[] {
  return [
    {
      name: 'Name',
      narrow: true,
      cell: ({ id, name }) => (
        <span title={`Key ${id}`}>
          {name ? <bdi>{name}</bdi> : <span className={styles.unnamed}>without a name</span>}{' '}
          <span className={`mono ${styles.id}`}>{id}</span>
        </span>
      ),
    },
    { name: 'Role', width: '84px', narrow: true, cell: ({ role }) => role },
    {
      name: 'Limited to',
      width: '16%',
      muted: true,
      cell: (key) => <span title={limitOf(key)}>{limitOf(key) || NONE}</span>,
    },
    {
      name: 'Created',
      width: '120px',
      muted: true,
      wide: true,
      cell: ({ created_at, created_by }) => (
        <span title={`by ${created_by}`}>
          <At at={created_at} />
        </span>
      ),
    },
    {
      name: 'Last use',
      width: '100px',
      muted: true,
      cell: ({ last_used_at }) => (last_used_at ? <Ago at={last_used_at} /> : NONE),
    },
    { name: 'State', width: '200px', cell: (key) => <State of={key} /> },
    {
      name: 'Change',
      unnamed: true,
      width: '180px',
      right: true,
      narrow: true,
      cell: (key) => <Actions of={key} {...actions} />,
    },
  ];
}

function State({ of: key }: { of: ApiKey }) {
  const { word, tone, counts } = stateOf(key, useNow());
  return (
    <>
      <Pill tone={tone}>{word}</Pill>
      {counts && key.expires_at && (
        <span className={styles.until}>
          {' '}
          until <At at={key.expires_at} />
        </span>
      )}
    </>
  );
}

type ActionsProps = { of: ApiKey; onMade: (key: NewApiKey) => void; again: () => void };

function Actions({ of: key, onMade, again }: ActionsProps) {
  const live = useLive();
  const own = useValue(live.session)?.key_id === key.id;
  if (!stateOf(key, useNow()).counts) return null;
  const title = key.name || key.id;
  return (
    <span className={styles.buttons}>
      <RotateKey of={key} onMade={onMade} />
      <ConfirmButton
        label="Revoke"
        title={`Revoke ${title}`}
        danger
        run={async () => {
          await live.api.keys.revoke(key.id);
          again();
          return { text: `${title} is revoked.` };
        }}
      >
        <p>Whoever uses it is refused from now on, and its open connections and sessions end. It cannot be undone.</p>
        {own && <p>You are signed in with this key: you will be signed out.</p>}
      </ConfirmButton>
    </span>
  );
}

function NoKeys() {
  return (
    <Page title="Keys">
      <Empty title="This monitor has no keys">
        <p>Everybody who reaches its port may do everything; it therefore serves only this machine.</p>
        <p>The first key has to be an administrator’s. From then on every request needs one, so keep it:</p>
        <CommandLine command={`tmon keys create --role admin --server ${window.location.origin}`} />
      </Empty>
    </Page>
  );
}
