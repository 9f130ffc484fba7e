/** The command palette: pages, the theme, and jobs and workers by their names. */
import '@mantine/spotlight/styles.layer.css';
import { useMantineColorScheme } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { createSpotlight, Spotlight, type SpotlightActionGroupData } from '@mantine/spotlight';
import { useEffect, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import type { Job } from '../../../protocol/job.ts';
import { useLive } from '../live/use-live.ts';
import { useMay, useMayAny } from '../live/use-may.tsx';
import { nameOf, stateWord } from '../parts/job-words.ts';
import { PAGES } from './navigation.ts';

const [store, palette] = createSpotlight();
const FOUND_MAX = 8;

export function Palette({ onClose }: { onClose: () => void }) {
  const [, navigate] = useLocation();
  const { setColorScheme } = useMantineColorScheme();
  const [query, setQuery] = useState('');
  const mayAny = useMayAny();
  const jobs = useFoundJobs(query);
  const workers = useFoundWorkers(query);
  useEffect(() => palette.open(), []);
  const actions: SpotlightActionGroupData[] = [
    {
      group: 'Pages',
      actions: PAGES.filter(({ key, needs }) => key && mayAny(needs)).map(({ path, name, key }) => ({
        id: path,
        label: name,
        description: `g ${key}`,
        onClick: () => navigate(path),
      })),
    },
    ...(jobs.length === 0
      ? []
      : [
          {
            group: 'Jobs',
            actions: jobs.map((job) => ({
              id: job.job_id,
              label: nameOf(job),
              description: `${stateWord(job.state)} · ${job.job_id}`,
              keywords: [query],
              onClick: () => navigate(`/jobs/${encodeURIComponent(job.job_id)}`),
            })),
          },
        ]),
    ...(workers.length === 0
      ? []
      : [
          {
            group: 'Workers',
            actions: workers.map((id) => ({
              id: `worker ${id}`,
              label: id,
              keywords: [query],
              onClick: () => navigate(`/workers/${encodeURIComponent(id)}`),
            })),
          },
        ]),
    {
      group: 'Theme',
      actions: (['dark', 'light', 'auto'] as const).map((scheme) => ({
        id: `theme ${scheme}`,
        label: scheme === 'auto' ? 'Theme as the system' : `Theme: ${scheme}`,
        onClick: () => setColorScheme(scheme),
      })),
    },
  ];
  return (
    <Spotlight
      store={store}
      actions={actions}
      query={query}
      onQueryChange={setQuery}
      onSpotlightClose={onClose}
      shortcut={null}
      highlightQuery
      limit={24}
      nothingFound="Nothing has this name"
      searchProps={{ placeholder: 'Page, job, file or worker', 'aria-label': 'Page, job, file or worker' }}
      scrollable
      maxHeight={420}
    />
  );
}

function useFoundJobs(query: string): readonly Job[] {
  const live = useLive();
  const [text] = useDebouncedValue(query.trim(), 150);
  const [found, setFound] = useState<readonly Job[]>([]);
  const mayRead = useMay('read');
  useEffect(() => {
    const stop = new AbortController();
    if (text.length < 2 || !mayRead) setFound([]);
    else
      live.api.jobs
        .list({ q: text, limit: FOUND_MAX }, { signal: stop.signal })
        .page()
        .then(({ items }) => setFound(items))
        .catch(() => {});
    return () => stop.abort();
  }, [live, text, mayRead]);
  return found;
}

function useFoundWorkers(query: string): string[] {
  const live = useLive();
  return useMemo(() => {
    const text = query.trim().toLowerCase();
    if (text.length < 2) return [];
    return [...live.workers.entries()]
      .map(([id]) => id)
      .filter((id) => id.toLowerCase().includes(text))
      .slice(0, FOUND_MAX);
  }, [live, query]);
}
