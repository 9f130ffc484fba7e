/** A figure with its unit small, and beneath it what it is measured against. */
import type { ReactNode } from 'react';
import styles from './figure.module.css';

export type Trend = { text: string; good: boolean | null };

type Props = { name: string; value: ReactNode; unit?: string; trend?: Trend | null; beside?: ReactNode };

export function Figures({ children }: { children: ReactNode }) {
  return <dl className={styles.figures}>{children}</dl>;
}

export function Figure({ name, value, unit, trend, beside }: Props) {
  return (
    <div className={styles.figure}>
      <dt>{name}</dt>
      <dd className={styles.value}>
        {value} {unit && <small>{unit}</small>}
      </dd>
      <dd className={styles.beside}>
        {trend && <b data-good={trend.good ?? undefined}>{trend.text}</b>} {beside ?? ' '}
      </dd>
    </div>
  );
}
