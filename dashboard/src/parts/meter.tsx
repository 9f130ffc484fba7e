/** How much of something is in use, as a bar with its figure. */
import { percent } from './format.ts';
import styles from './meter.module.css';

type Props = { name: string; value: number | null /** From here on it is a matter of concern. */; high?: number };

export function Meter({ name, value, high = 101 }: Props) {
  return (
    <span className={styles.meter} data-high={(value ?? 0) >= high || undefined}>
      <span>{name}</span>
      <span className={styles.track} aria-hidden="true">
        {value !== null && <i style={{ width: `${value}%` }} />}
      </span>
      <span className={styles.value}>{percent(value)}</span>
    </span>
  );
}
