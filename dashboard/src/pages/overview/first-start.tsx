/** What a monitor shows that has never had a job: start a worker, drop a recording, watch it, read it. */
import { Button, FileButton } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { useLive, useSelection, useValue } from '../../live/use-live.ts';
import { useMay } from '../../live/use-may.tsx';
import { useAct } from '../../parts/act.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { count } from '../../parts/format.ts';
import { Icon } from '../../parts/icon.tsx';
import { Page } from '../../parts/page.tsx';
import styles from './first-start.module.css';

/** Whether the monitor has never had a job. False until it is known. */
export function useFirstStart(): boolean {
  const live = useLive();
  const known = useValue(live.system) !== null;
  const active = useSelection(live.active, (all) => all.size > 0);
  const [none, setNone] = useState(false);
  useEffect(() => {
    if (!known || active) return;
    live.api.jobs
      .list({ limit: 1 })
      .page()
      .then(({ items }) => setNone(items.length === 0))
      .catch(() => {});
  }, [live, known, active]);
  const maySubmit = useMay('submit');
  return none && !active && maySubmit;
}

export function FirstStart() {
  const live = useLive();
  const [, navigate] = useLocation();
  const workers = useSelection(live.workers, (all) => all.size);
  const [over, setOver] = useState(false);
  const { busy, act } = useAct();
  const submit = (file: File) =>
    act(async () => {
      const { audio_url } = await live.api.uploads.create({ name: file.name, body: file, type: file.type });
      const job = await live.api.jobs.submit({ audio_url });
      navigate(`/jobs/${encodeURIComponent(job.job_id)}`);
      return { text: `${file.name} is submitted.` };
    });
  return (
    <Page title="Overview">
      <div className={styles.start}>
        <h2>From nothing to a transcript</h2>
        <ol>
          <li data-done={workers > 0 || undefined}>
            <h3>Start a worker</h3>
            <p>Beside a speech recognizer, on this machine or another one that reaches this address.</p>
            <CommandLine command={`tmon worker --server ${window.location.origin}`} />
            <p className={styles.state} role="status">
              {workers > 0 ? (
                <>
                  <Icon name="check" /> {count(workers)} {workers === 1 ? 'worker has' : 'workers have'} registered
                </>
              ) : (
                'Waiting for a worker to register …'
              )}
            </p>
          </li>
          <li>
            <h3>Drop a recording</h3>
            {/* biome-ignore lint/a11y/noStaticElementInteractions: the button inside does the same for the keyboard. */}
            <div
              className={styles.drop}
              data-over={over || undefined}
              onDragOver={(event) => {
                event.preventDefault();
                setOver(true);
              }}
              onDragLeave={() => setOver(false)}
              onDrop={(event) => {
                event.preventDefault();
                setOver(false);
                const [file] = event.dataTransfer.files;
                if (file) void submit(file);
              }}
            >
              <Icon name="upload" size={20} />
              <p>A wav, mp3, m4a, flac or ogg file, here</p>
              <FileButton onChange={(file) => file && void submit(file)} accept="audio/*,video/*">
                {(props) => (
                  <Button {...props} variant="filled" loading={busy}>
                    Choose a file
                  </Button>
                )}
              </FileButton>
            </div>
          </li>
          <li>
            <h3>Watch it, read it</h3>
            <p>The page of the job opens: its progress, then the transcript beside the sound.</p>
          </li>
        </ol>
      </div>
    </Page>
  );
}
