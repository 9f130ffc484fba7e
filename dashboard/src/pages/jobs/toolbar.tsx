/** Filters as chips that live in the URL, saved views, columns, changes for all that match, and CSV. */
import { ActionIcon, Button, Checkbox, Menu, Modal, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import { May } from '../../live/use-may.tsx';
import { Icon } from '../../parts/icon.tsx';
import { AddFilter } from './add-filter.tsx';
import type { BulkAction } from './bulk.ts';
import { COLUMNS, type Column } from './columns.tsx';
import { useCsv } from './csv-download.ts';
import { FILTER_NAMES, type FilterName, type Filters, withFilter } from './filters.ts';
import styles from './toolbar.module.css';
import { ROW } from './use-current-row.ts';
import { removeView, savedViews, saveView } from './views.ts';

type Props = {
  filters: Filters;
  columns: readonly Column[];
  chosen: readonly string[];
  onChoose: (keys: readonly string[]) => void;
  onBulk: (action: BulkAction) => void;
};

export function Toolbar({ filters, columns, chosen, onChoose, onBulk }: Props) {
  const [params, setParams] = useSearchParams();
  const csv = useCsv(filters, columns);
  const set = (name: FilterName, value: string | null) => setParams((before) => withFilter(before, name, value));
  // The state is a tab.
  const chips = (Object.entries(filters) as [FilterName, string][]).filter(
    ([name]) => name !== 'state' || !isTab(filters),
  );
  return (
    <div className={styles.toolbar}>
      <AddFilter onAdd={set} />
      {chips.map(([name, value]) => (
        <span key={name} className={styles.chip}>
          <span>{FILTER_NAMES[name]}</span> <bdi>{value.replace('_', ' ')}</bdi>
          <ActionIcon size="xs" onClick={() => set(name, null)} aria-label={`Remove the filter ${FILTER_NAMES[name]}`}>
            <Icon name="close" size={12} />
          </ActionIcon>
        </span>
      ))}
      <div className={styles.right}>
        <Views query={queryOfView(params)} />
        <Menu position="bottom-end" closeOnItemClick={false} width={180}>
          <Menu.Target>
            <Button leftSection={<Icon name="columns" size={14} />}>Columns</Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Checkbox.Group value={[...chosen]} onChange={onChoose} p={6}>
              {COLUMNS.map(({ key, name }) => (
                <Checkbox key={key} value={key} label={name} py={4} />
              ))}
            </Checkbox.Group>
          </Menu.Dropdown>
        </Menu>
        <Menu position="bottom-end" width={230}>
          <Menu.Target>
            <ActionIcon variant="default" aria-label="More for this list">
              <Icon name="more" />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <May do="submit">
              <Menu.Item onClick={() => onBulk('retry')}>Run all again that match …</Menu.Item>
              <Menu.Item onClick={() => onBulk('cancel')}>Cancel all that match …</Menu.Item>
              <Menu.Divider />
            </May>
            <Menu.Item onClick={csv.download} disabled={csv.busy} leftSection={<Icon name="download" size={14} />}>
              {csv.busy ? 'Reading …' : 'Download as CSV'}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
    </div>
  );
}

/** A view has filters, not the row of the moment. */
function queryOfView(params: URLSearchParams): string {
  const filters = new URLSearchParams(params);
  filters.delete(ROW);
  return filters.toString();
}

const TABS: readonly string[] = ['PROCESSING', 'QUEUED', 'COMPLETED', 'FAILED', 'CANCELLED'];
const isTab = ({ state }: Filters): boolean => state !== undefined && TABS.includes(state);

function Views({ query }: { query: string }) {
  const [views, setViews] = useState(() => savedViews(localStorage));
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState('');
  const [, navigate] = useLocation();
  return (
    <>
      <Menu position="bottom-end" width={230}>
        <Menu.Target>
          <Button leftSection={<Icon name="bookmark" size={14} />}>Views</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {views.length === 0 && <Menu.Label>A view keeps filters under a name, in this browser.</Menu.Label>}
          {views.map((view) => (
            <div key={view.name} className={styles.view}>
              <Menu.Item onClick={() => navigate(`/jobs?${view.query}`)}>{view.name}</Menu.Item>
              <ActionIcon
                size="sm"
                onClick={() => setViews(removeView(localStorage, view.name))}
                aria-label={`Forget the view ${view.name}`}
              >
                <Icon name="close" size={12} />
              </ActionIcon>
            </div>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={() => setNaming(true)} disabled={query === ''}>
            Save these filters …
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal opened={naming} onClose={() => setNaming(false)} title="Save these filters" size="sm">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim() === '') return;
            setViews(saveView(localStorage, { name: name.trim(), query }));
            setNaming(false);
            setName('');
          }}
        >
          <TextInput
            label="Name of the view"
            value={name}
            maxLength={60}
            onChange={(event) => setName(event.currentTarget.value)}
            data-autofocus
          />
          <Button type="submit" variant="filled" mt="md">
            Save
          </Button>
        </form>
      </Modal>
    </>
  );
}
