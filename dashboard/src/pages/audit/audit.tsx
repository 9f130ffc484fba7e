/** Who did what, from where: newest first, as far back as the audit is kept, with filters in the URL. */
import { Button, Select, TextInput } from '@mantine/core';
import { type FormEvent, useCallback, useMemo, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { AuditEntry } from '../../../../protocol/audit.ts';
import { useLive } from '../../live/use-live.ts';
import { useAct } from '../../parts/act.tsx';
import { Empty } from '../../parts/empty.tsx';
import { count, NONE } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { saveFile } from '../../parts/save-file.ts';
import table from '../../parts/table.module.css';
import { type Column, Table } from '../../parts/table.tsx';
import { At } from '../../parts/time.tsx';
import styles from './audit.module.css';
import { eventWords, FILTERS, type Filter, filtersOf, queryOf, SPANS, whoOf } from './audit-query.ts';
import { useAudit } from './use-audit.ts';
import { VerifyButton } from './verify.tsx';

const EXPORT_MAX = 100_000;
const EXPORT_PAGE = 1_000;

export function Audit() {
  const [params] = useSearchParams();
  const filters = useMemo(() => filtersOf(params), [params]);
  const query = useCallback(() => queryOf(filters, Date.now()), [filters]);
  const [round, setRound] = useState(0);
  const { entries, more, busy, readMore } = useAudit(query, { key: JSON.stringify(filters), round });
  return (
    <Page title="Audit" actions={<VerifyButton />}>
      <Filters filters={filters} query={query} onAgain={() => setRound(round + 1)} />
      {entries === null ? (
        <div aria-busy="true" />
      ) : (
        <Panel title="Changes, the newest first" aside={`${count(entries.length)}${more ? ' so far' : ''}`}>
          {entries.length === 0 ? (
            <Empty title="Nothing of the kind">
              <p>
                The record goes back as far as the journal is kept. <Link href="/audit">Remove the filters</Link>
              </p>
            </Empty>
          ) : (
            <Table label="Changes" columns={COLUMNS} rows={entries} keyOf={({ seq, index }) => `${seq}.${index}`} />
          )}
          {more && (
            <div className={table.more}>
              <Button loading={busy} onClick={readMore}>
                Older ones
              </Button>
            </div>
          )}
        </Panel>
      )}
    </Page>
  );
}

const only = (name: Filter, value: string): string => `/audit?${new URLSearchParams({ [name]: value })}`;

const COLUMNS: readonly Column<AuditEntry>[] = [
  { name: 'At', width: '118px', muted: true, narrow: true, cell: ({ at }) => <At at={at} /> },
  {
    name: 'By',
    width: '20%',
    narrow: true,
    cell: (entry) => (
      <Link href={only('actor', entry.actor)} title={entry.actor}>
        <bdi>{whoOf(entry)}</bdi>
      </Link>
    ),
  },
  {
    name: 'What',
    narrow: true,
    cell: ({ event }) => (
      <Link href={only('event', event)} title={event}>
        {eventWords(event)}
      </Link>
    ),
  },
  {
    name: 'Of',
    cell: ({ entity }) => (
      <Link href={only('entity', entity)} className="mono" title={entity}>
        {entity}
      </Link>
    ),
  },
  { name: 'From', width: '130px', muted: true, cell: ({ address }) => address ?? NONE },
  {
    name: 'Request',
    width: '110px',
    muted: true,
    wide: true,
    cell: ({ request_id }) => (
      <span className="mono" title={request_id ?? undefined}>
        {request_id ?? NONE}
      </span>
    ),
  },
];

type FiltersProps = {
  filters: ReturnType<typeof filtersOf>;
  query: () => ReturnType<typeof queryOf>;
  onAgain: () => void;
};

function Filters({ filters, query, onAgain }: FiltersProps) {
  const [, setParams] = useSearchParams();
  const { api } = useLive();
  const { busy, act } = useAct();
  const put = (next: Partial<Record<Filter, string>>) =>
    setParams(FILTERS.flatMap((name) => (next[name] ? [[name, next[name]] as [string, string]] : [])));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget);
    const text = (name: Filter) => String(typed.get(name) ?? '').trim();
    put({ ...filters, actor: text('actor'), event: text('event'), entity: text('entity') });
  };
  const save = async () => {
    const lines: string[] = [];
    let more = false;
    for await (const entry of api.audit.list({ ...query(), limit: EXPORT_PAGE })) {
      more = lines.length === EXPORT_MAX;
      if (more) break;
      lines.push(`${JSON.stringify(entry)}\n`);
    }
    saveFile('audit.ndjson', lines.join(''), 'application/x-ndjson');
    return { text: `${count(lines.length)} changes in audit.ndjson${more ? '; there are more' : ''}.` };
  };
  return (
    // Its fields are those of the URL: another URL has other ones.
    <form key={JSON.stringify(filters)} className={styles.tools} onSubmit={submit}>
      <TextInput
        name="actor"
        label="By"
        defaultValue={filters.actor ?? ''}
        placeholder="key:…, user:…"
        className={styles.field!}
      />
      <TextInput
        name="event"
        label="Event"
        defaultValue={filters.event ?? ''}
        placeholder="KeyCreated"
        className={styles.field!}
      />
      <TextInput
        name="entity"
        label="Of"
        defaultValue={filters.entity ?? ''}
        placeholder="job, worker, key"
        className={styles.field!}
      />
      <Select
        label="Within"
        data={Object.keys(SPANS)}
        value={filters.within ?? null}
        onChange={(within) => put({ ...filters, ...(within ? { within } : { within: '' }) })}
        placeholder="all that is kept"
        clearable
        className={styles.field!}
      />
      <Button type="submit" size="xs">
        Filter
      </Button>
      <div className={styles.actions}>
        <Button size="xs" onClick={onAgain}>
          Read again
        </Button>
        <Button size="xs" loading={busy} onClick={() => act(save)}>
          Export
        </Button>
      </div>
    </form>
  );
}
