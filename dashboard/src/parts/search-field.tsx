/** The search of the header: Enter lists the jobs that match. On the list itself it shows what is searched. */
import { Kbd, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import { Icon } from './icon.tsx';
import styles from './page.module.css';

export function SearchField() {
  const [location, navigate] = useLocation();
  const [params, setParams] = useSearchParams();
  const shown = location === '/jobs' ? (params.get('q') ?? '') : '';
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const search = () => {
    const q = text.trim();
    if (location !== '/jobs') {
      if (q !== '') navigate(`/jobs?${new URLSearchParams({ q })}`);
      return;
    }
    setParams((before) => {
      const next = new URLSearchParams(before);
      if (q === '') next.delete('q');
      else next.set('q', q);
      return next;
    });
  };
  return (
    <search className={styles.search}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          search();
        }}
      >
        <TextInput
          type="search"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') event.currentTarget.blur();
          }}
          placeholder="Search jobs, files, errors"
          aria-label="Search jobs, files, errors"
          leftSection={<Icon name="search" size={14} />}
          rightSection={<Kbd size="xs">/</Kbd>}
          rightSectionPointerEvents="none"
        />
      </form>
    </search>
  );
}
