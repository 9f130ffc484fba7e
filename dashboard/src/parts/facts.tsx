/** Names and values, one a line; a value that is unknown is a dash. */
import { Fragment, type ReactNode } from 'react';
import styles from './facts.module.css';
import { NONE } from './format.ts';

export function Facts({ of }: { of: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className={styles.facts}>
      {of.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value ?? NONE}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
