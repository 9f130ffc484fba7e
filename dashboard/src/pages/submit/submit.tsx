/** New jobs: files and folders dropped here are uploaded, URLs are submitted as they are; then their bars move. */
import { Button, Textarea } from '@mantine/core';
import { type DragEvent, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import type { Live } from '../../live/live.ts';
import { useLive, useValue } from '../../live/use-live.ts';
import { showDone, showError, useAct } from '../../parts/act.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { count } from '../../parts/format.ts';
import { Icon } from '../../parts/icon.tsx';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { type Dropped, filesOf, isRecording, prefixCommand, urlsIn } from './dropped.ts';
import { OptionFields, type Options, TranscriptionFields } from './option-fields.tsx';
import { JobRows, UploadRows } from './rows.tsx';
import styles from './submit.module.css';
import { type Send, UploadQueue } from './upload-queue.ts';

/** Uploads go on while other pages are looked at. */
const uploads = new UploadQueue();
const submitted = { ids: [] as readonly string[] };

export function Submit() {
  const live = useLive();
  const [options, setOptions] = useState<Options>({});
  const [ids, setIds] = useState(submitted.ids);
  const items = useSyncExternalStore(uploads.subscribe, uploads.items);
  useWarning(items.some(({ state }) => state === 'waiting' || state === 'uploading'));
  const session = useValue(live.session);
  const sent = useMemo(() => withOwnTag(options, session?.tags ?? null), [options, session]);
  const addFiles = (dropped: readonly Dropped[]) => {
    const recordings = dropped.filter(({ file }) => isRecording(file));
    const left_out = dropped.length - recordings.length;
    if (recordings.length > 0) uploads.add(recordings, sendWith(live, sent));
    if (left_out > 0) showDone({ text: `${count(left_out)} files are left out: they are no recordings.` });
  };
  const addJobs = (more: readonly string[]) => {
    submitted.ids = [...more, ...submitted.ids];
    setIds(submitted.ids);
  };
  return (
    <Page title="Submit audio">
      <div className={styles.columns}>
        <div className={styles.column}>
          <DropZone onFiles={addFiles} />
          {items.length > 0 && <UploadRows items={items} queue={uploads} />}
          {ids.length > 0 && (
            <Panel title="Jobs submitted from URLs" aside={`${count(ids.length)} jobs`}>
              <JobRows ids={ids} />
            </Panel>
          )}
        </div>
        <div className={styles.column}>
          <PasteUrls options={sent} onJobs={addJobs} />
          <OptionFields options={sent} onChange={setOptions} />
          <TranscriptionFields options={sent} onChange={setOptions} />
          <Panel title="From a program">
            <div className={styles.text}>
              <CommandLine command={`tmon submit talk.mp3 --watch --server ${window.location.origin}`} />
            </div>
          </Panel>
        </div>
      </div>
    </Page>
  );
}

/** A key that is limited to tags submits jobs with one of them only. */
function withOwnTag(options: Options, own: readonly string[] | null): Options {
  const { tags = [] } = options;
  if (own === null || tags.some((tag) => own.includes(tag))) return options;
  return { ...options, tags: [...own.slice(0, 1), ...tags] };
}

/** Uploads a file, submits it, and gives the page its document. */
function sendWith(live: Live, options: Options): Send {
  return async (file, { name, signal, onSent }) => {
    const file_name = name.split('/').at(-1)!;
    const { audio_url } = await live.api.uploads.create(
      { name: file_name, body: file, type: file.type },
      { signal, onProgress: ({ sentBytes }) => onSent(sentBytes) },
    );
    const job = await live.api.jobs.submit({ ...options, audio_url }, { signal });
    live.took(job);
    return job.id;
  };
}

/** The browser asks before it leaves the page. */
function useWarning(busy: boolean): void {
  useEffect(() => {
    if (!busy) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, [busy]);
}

function DropZone({ onFiles }: { onFiles: (files: readonly Dropped[]) => void }) {
  const [over, setOver] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    filesOf(event.dataTransfer).then(onFiles, showError);
  };
  const chosen = (input: HTMLInputElement) => {
    onFiles([...(input.files ?? [])].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
    input.value = '';
  };
  return (
    // Files can be chosen by the buttons, too.
    <section
      className={styles.drop}
      data-over={over || undefined}
      aria-label="Drop recordings here"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      <Icon name="upload" size={26} />
      <p className={styles.big}>Drop recordings or a folder here</p>
      <p>Audio or video of any kind that ffmpeg reads. They are kept in the store of this monitor.</p>
      <div className={styles.buttons}>
        <Button variant="filled" size="xs" onClick={() => files.current?.click()}>
          Choose files
        </Button>
        <Button size="xs" onClick={() => folder.current?.click()}>
          Choose a folder
        </Button>
      </div>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        aria-label="Files"
        onChange={(event) => chosen(event.currentTarget)}
      />
      <input
        ref={(input) => {
          folder.current = input;
          input?.setAttribute('webkitdirectory', '');
        }}
        type="file"
        hidden
        aria-label="Folder"
        onChange={(event) => chosen(event.currentTarget)}
      />
    </section>
  );
}

const BATCH = 1_000;

function PasteUrls({ options, onJobs }: { options: Options; onJobs: (ids: readonly string[]) => void }) {
  const { api } = useLive();
  const [text, setText] = useState('');
  const { busy, act } = useAct();
  const { urls, prefixes, others } = urlsIn(text);
  const submit = async () => {
    const ids: string[] = [];
    const refused: string[] = [];
    for (let at = 0; at < urls.length; at += BATCH) {
      const jobs = urls.slice(at, at + BATCH).map((audio_url) => ({ ...options, audio_url }));
      for (const result of await api.jobs.submitBatch(jobs)) {
        if (result instanceof Error) refused.push(result.message);
        else ids.push(result.id);
      }
    }
    if (ids.length === 0 && refused.length > 0) throw new Error(refused[0]);
    onJobs(ids);
    setText('');
    const rest = refused.length === 0 ? '' : ` ${count(refused.length)} were refused: ${refused[0]}.`;
    return { text: `${count(ids.length)} ${ids.length === 1 ? 'job' : 'jobs'} submitted.${rest}` };
  };
  return (
    <Panel title="Recordings that are somewhere else">
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          void act(submit);
        }}
      >
        <Textarea
          label="URLs, one a line: s3:// or https://"
          size="xs"
          autosize
          minRows={3}
          maxRows={12}
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          placeholder={'s3://bucket/talk.mp3\nhttps://example.com/interview.wav'}
        />
        {prefixes.map((prefix) => (
          <div key={prefix}>
            <p className={styles.note}>The monitor does not read buckets. This submits everything under {prefix}:</p>
            <CommandLine command={prefixCommand(prefix, window.location.origin)} />
          </div>
        ))}
        {others.length > 0 && <p className={styles.wrong}>Not a URL of a recording: {others[0]}</p>}
        <Button type="submit" variant="filled" size="xs" disabled={urls.length === 0} loading={busy}>
          {urls.length > 1 ? `Submit ${count(urls.length)} recordings` : 'Submit'}
        </Button>
      </form>
    </Panel>
  );
}
