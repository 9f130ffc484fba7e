/** What can be done with the selected jobs. */
import { Button } from '@mantine/core';
import { count } from '../../parts/format.ts';
import styles from './bulk.module.css';
import type { BulkAction } from './bulk.ts';

type Props = { count: number; onClear: () => void; onBulk: (action: BulkAction) => void };

export function BulkBar({ count: selected, onClear, onBulk }: Props) {
  return (
    <section className={styles.bar} aria-label="Selected jobs">
      <span role="status">{count(selected)} selected</span>
      <Button onClick={() => onBulk('retry')}>Run again …</Button>
      <Button onClick={() => onBulk('cancel')}>Cancel …</Button>
      <Button variant="subtle" onClick={onClear}>
        Clear
      </Button>
    </section>
  );
}
