/** What every page has: a heading, search, the button that submits, and a line while the data is old. */
import { Button } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { Link } from 'wouter';
import { StaleNotice } from '../app/connection-state.tsx';
import { May } from '../live/use-may.tsx';
import styles from './page.module.css';
import { SearchField } from './search-field.tsx';

type Props = {
  title: string;
  /** Before the title: the page that this one belongs to. */
  parent?: { name: string; href: string } | undefined;
  /** Beside the title: a pill with the state of what the page shows. */
  state?: ReactNode;
  /** Before the search. */
  actions?: ReactNode;
  children: ReactNode;
};

export function Page({ title, parent, state, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · transcription-monitor`;
  }, [title]);
  return (
    <>
      <header className={styles.header}>
        <h1 className={styles.title}>
          {parent && (
            <span className={styles.parent}>
              <Link href={parent.href}>{parent.name}</Link> /{' '}
            </span>
          )}
          <span className={styles.name} title={title}>
            <bdi>{title}</bdi>
          </span>
        </h1>
        {state}
        <div className={styles.tools}>
          {actions}
          <May do="read">
            <SearchField />
          </May>
          <May do="submit">
            <Button component={Link} href="/submit" variant="filled" size="xs" className={styles.submit!}>
              Submit audio
            </Button>
          </May>
        </div>
      </header>
      <StaleNotice />
      {children}
    </>
  );
}
