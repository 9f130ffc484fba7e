/** Uploads on their way, then the bars of their jobs. */
import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { Link } from 'wouter';
import { useJob } from '../../live/use-live.ts';
import { bytes, count, percent } from '../../parts/format.ts';
import { Icon, type IconName } from '../../parts/icon.tsx';
import { nameOf, stageWord } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { Pill, VerdictPill } from '../../parts/pill.tsx';
import bar from '../../parts/progress-bar.module.css';
import { ProgressBar } from '../../parts/progress-bar.tsx';
import styles from './submit.module.css';
import type { UploadItem, UploadQueue } from './upload-queue.ts';

export function UploadRows({ items, queue }: { items: readonly UploadItem[]; queue: UploadQueue }) {
  const open = items.filter(({ state }) => state !== 'submitted');
  const paused = open.some(({ state }) => state === 'paused' || state === 'failed');
  const going = open.some(({ state }) => state === 'waiting' || state === 'uploading');
  return (
    <Panel
      title="Files"
      aside={
        <div className={styles.buttons}>
          {open.length > 0 && <span>{count(open.length)} to upload</span>}
          {going && <Button onClick={() => queue.pauseAll()}>Pause</Button>}
          {paused && <Button onClick={() => queue.resumeAll()}>Continue</Button>}
        </div>
      }
    >
      <ul className={styles.rows}>
        {items.map((item) =>
          item.job_id === null ? (
            <Upload key={item.id} item={item} queue={queue} />
          ) : (
            <JobRow key={item.id} job_id={item.job_id} />
          ),
        )}
      </ul>
    </Panel>
  );
}

function Upload({ item, queue }: { item: UploadItem; queue: UploadQueue }) {
  const { id, name, state, sent_bytes, size_bytes, error } = item;
  const part = size_bytes === 0 ? 0 : (100 * sent_bytes) / size_bytes;
  return (
    <li className={styles.row}>
      <bdi title={name}>{name}</bdi>
      <div
        className={bar.bar}
        data-tone={state === 'failed' ? 'bad' : 'ok'}
        role="progressbar"
        aria-label={`Upload of ${name}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(part)}
      >
        <i style={{ width: `${part}%` }} />
      </div>
      <span className={styles.figure}>
        {bytes(sent_bytes)} of {bytes(size_bytes)}
      </span>
      <span className={styles.state}>
        <Pill tone={state === 'failed' ? 'bad' : state === 'uploading' ? 'work' : 'idle'} title={error ?? undefined}>
          {state}
        </Pill>
        {(state === 'waiting' || state === 'uploading') && (
          <Act name="pause" label={`Pause ${name}`} onClick={() => queue.pause(id)} />
        )}
        {state === 'paused' && <Act name="play" label={`Continue ${name}`} onClick={() => queue.resume(id)} />}
        {state === 'failed' && <Act name="refresh" label={`Try ${name} again`} onClick={() => queue.resume(id)} />}
        <Act name="close" label={`Remove ${name}`} onClick={() => queue.remove(id)} />
      </span>
      {error && <p className={styles.wrong}>{error}</p>}
    </li>
  );
}

function Act({ name, label, onClick }: { name: IconName; label: string; onClick: () => void }) {
  return (
    <Tooltip label={label}>
      <ActionIcon aria-label={label} onClick={onClick}>
        <Icon name={name} size={14} />
      </ActionIcon>
    </Tooltip>
  );
}

const SHOWN_MAX = 50;

export function JobRows({ ids }: { ids: readonly string[] }) {
  return (
    <>
      <ul className={styles.rows}>
        {ids.slice(0, SHOWN_MAX).map((id) => (
          <JobRow key={id} job_id={id} />
        ))}
      </ul>
      {ids.length > SHOWN_MAX && (
        <p className={styles.more}>
          and {count(ids.length - SHOWN_MAX)} more in <Link href="/jobs">Jobs</Link>
        </p>
      )}
    </>
  );
}

function JobRow({ job_id }: { job_id: string }) {
  const job = useJob(job_id);
  if (!job) return <li className={styles.row} />;
  const { percentage, stage } = job.progress;
  const running = job.state === 'PROCESSING';
  return (
    <li className={styles.row}>
      <Link href={`/jobs/${encodeURIComponent(job_id)}`} title={job.input.s3_path}>
        <bdi>{nameOf(job)}</bdi>
      </Link>
      <ProgressBar job={job} />
      <span className={styles.figure}>
        {running ? `${percent(percentage)} ${stageWord(stage)}` : percent(percentage)}
      </span>
      <span className={styles.state}>
        <VerdictPill job={job} />
      </span>
    </li>
  );
}
