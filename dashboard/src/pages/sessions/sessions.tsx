/** The browsers that are signed in, with whose name and role; each can be signed out. */
import type { OpenSession } from '../../../../protocol/session.ts';
import { useLive, useValue } from '../../live/use-live.ts';
import { ConfirmButton } from '../../parts/confirm-button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { NONE } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { Ago, At } from '../../parts/time.tsx';
import { useList } from '../alerts/use-pages.ts';

export function Sessions() {
  const live = useLive();
  const session = useValue(live.session);
  const { items, again } = useList((signal) => live.api.sessions.list({ signal }), { version: 0, most: 10_000 });
  const provider = session?.provider?.name;
  return (
    <Page title="Sessions">
      {items === null ? (
        <div aria-busy="true" />
      ) : (
        <Panel title="Signed in, the newest first" aside={provider ? `at ${provider}, or with a key` : 'with a key'}>
          {items.length === 0 ? (
            <Empty title="No browser is signed in">
              <p>Who signs in at the identity provider, or with a key, is listed here.</p>
            </Empty>
          ) : (
            <Table label="Sessions" columns={columnsOf(again)} rows={items} keyOf={({ id }) => id} />
          )}
        </Panel>
      )}
    </Page>
  );
}

const columnsOf = (again: () => void): readonly Column<OpenSession>[] => [
  {
    name: 'Who',
    narrow: true,
    cell: ({ name, key_id, own }) => (
      <>
        <bdi>{name || key_id}</bdi> {own && <Pill tone="work">this browser</Pill>}
      </>
    ),
  },
  { name: 'Role', width: '90px', narrow: true, cell: ({ role }) => role },
  {
    name: 'By',
    width: '24%',
    muted: true,
    cell: ({ key_id, issuer }) => <span title={issuer ?? undefined}>{key_id ? `key ${key_id}` : issuer}</span>,
  },
  { name: 'Tenant', width: '110px', muted: true, wide: true, cell: ({ tenant }) => tenant ?? NONE },
  {
    name: 'Signed in',
    width: '120px',
    muted: true,
    cell: ({ signed_in_at }) => (signed_in_at ? <Ago at={signed_in_at} /> : NONE),
  },
  { name: 'Ends', width: '120px', muted: true, cell: ({ expires_at }) => <At at={expires_at} /> },
  {
    name: 'Change',
    unnamed: true,
    width: '104px',
    right: true,
    narrow: true,
    cell: (session) => <End of={session} onDone={again} />,
  },
];

function End({ of: { id, name, own }, onDone }: { of: OpenSession; onDone: () => void }) {
  const live = useLive();
  return (
    <ConfirmButton
      label="Sign out"
      title={`Sign out ${name || id}`}
      danger
      run={async () => {
        if (own) await live.signOut();
        else await live.api.sessions.revoke(id);
        onDone();
        return { text: `${name || id} is signed out.` };
      }}
    >
      <p>{own ? 'This is your session: you will be signed out.' : 'The browser has to sign in again.'}</p>
      <p>To keep somebody out, revoke their key too, or change what the identity provider says about them.</p>
    </ConfirmButton>
  );
}
