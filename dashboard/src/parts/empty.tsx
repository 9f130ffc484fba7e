/** What a place says that has nothing to show, and what to do next. */
import type { ReactNode } from 'react';
import styles from './empty.module.css';

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles.empty}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}
