/** Adds one filter: what, then a value, from a list where there is one. */
import { Autocomplete, Button, Popover, Select } from '@mantine/core';
import { useState } from 'react';
import { useLive, useSelection } from '../../live/use-live.ts';
import { Icon } from '../../parts/icon.tsx';
import styles from './add-filter.module.css';
import { FILTER_NAMES, type FilterName, PRIORITIES, problemOf, STATES, VERDICTS } from './filters.ts';

const OFFERED = [
  'verdict',
  'worker',
  'model',
  'tag',
  'priority',
  'error',
  'within',
  'after',
  'before',
  'suspect',
  'state',
  'q',
] as const;
const WITHIN = ['30m', '6h', '24h', '7d'];

export function AddFilter({ onAdd }: { onAdd: (name: FilterName, value: string) => void }) {
  const [opened, setOpened] = useState(false);
  const [name, setName] = useState<FilterName>('verdict');
  const [value, setValue] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const words = useWords(name);
  const close = () => {
    setOpened(false);
    setValue('');
    setProblem(null);
  };
  const add = (text: string) => {
    const wrong = problemOf(name, text);
    setProblem(wrong);
    if (wrong !== null) return;
    onAdd(name, text);
    close();
  };
  return (
    <Popover opened={opened} onChange={(open) => !open && close()} position="bottom-start" trapFocus width={280}>
      <Popover.Target>
        <Button leftSection={<Icon name="filter" size={14} />} onClick={() => setOpened(!opened)}>
          Filter
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form
          className={styles.form}
          onSubmit={(event) => {
            event.preventDefault();
            add(value.trim());
          }}
        >
          <Select
            label="Filter by"
            data={OFFERED.map((key) => ({ value: key, label: FILTER_NAMES[key] }))}
            value={name}
            onChange={(next) => {
              setName(next as FilterName);
              setValue('');
              setProblem(null);
            }}
            comboboxProps={{ withinPortal: false }}
          />
          {words.fixed ? (
            <Select
              label="Value"
              data={words.data.map((word) => ({ value: word, label: word.replace('_', ' ').toLowerCase() }))}
              value={value || null}
              onChange={(next) => next && add(next)}
              placeholder="Choose"
              comboboxProps={{ withinPortal: false }}
            />
          ) : (
            <Autocomplete
              size="xs"
              label="Value"
              data={[...words.data]}
              value={value}
              onChange={setValue}
              onOptionSubmit={add}
              error={problem && `Expected ${problem}`}
              limit={8}
              comboboxProps={{ withinPortal: false }}
            />
          )}
          {!words.fixed && (
            <Button type="submit" variant="filled">
              Add
            </Button>
          )}
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

/** Values to choose from; `fixed`: no others. */
function useWords(name: FilterName): { data: readonly string[]; fixed: boolean } {
  const live = useLive();
  const workers = useSelection(live.workers, workerIds, sameText);
  const models = useSelection(live.workers, modelNames, sameText);
  switch (name) {
    case 'state':
      return { data: STATES, fixed: true };
    case 'verdict':
      return { data: VERDICTS, fixed: true };
    case 'priority':
      return { data: PRIORITIES, fixed: true };
    case 'suspect':
      return { data: ['yes', 'no'], fixed: true };
    case 'worker':
      return { data: workers, fixed: false };
    case 'model':
      return { data: models, fixed: false };
    case 'within':
      return { data: WITHIN, fixed: false };
    default:
      return { data: [], fixed: false };
  }
}

type Workers = ReturnType<typeof useLive>['workers'];

const workerIds = (workers: Workers): string[] => [...workers.entries()].map(([id]) => id).sort();
const modelNames = (workers: Workers): string[] => [
  ...new Set([...workers.values()].flatMap(({ capabilities }) => capabilities.model ?? [])),
];
const sameText = (a: readonly string[], b: readonly string[]): boolean => a.join() === b.join();
