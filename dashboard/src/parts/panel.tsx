/** A framed part of a page, with a heading and a note or controls beside it. */
import { type ReactNode, useId } from 'react';
import styles from './panel.module.css';

type Props = { title: string; aside?: ReactNode; className?: string | undefined; children: ReactNode };

export function Panel({ title, aside, className = '', children }: Props) {
  const id = useId();
  return (
    <section className={`${styles.panel} ${className}`} aria-labelledby={id}>
      <div className={styles.head}>
        <h2 id={id}>{title}</h2>
        {aside && <div className={styles.aside}>{aside}</div>}
      </div>
      {children}
    </section>
  );
}
