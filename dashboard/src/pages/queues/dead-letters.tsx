/** Dead letters: by what they died of, each group and each job with what can be done. */
import { Link, useLocation } from 'wouter';
import type { Job } from '../../../../protocol/job.ts';
import { useLive } from '../../live/use-live.ts';
import { Empty } from '../../parts/empty.tsx';
import { count, NONE, usd } from '../../parts/format.ts';
import { nameOf } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import table from '../../parts/table.module.css';
import { type Column, Table } from '../../parts/table.tsx';
import { At } from '../../parts/time.tsx';
import { QueueAction } from './queue-action.tsx';
import styles from './queues.module.css';
import { type DeadLetterSet, useJobsOf } from './use-queue-jobs.ts';
import { byError, type DeadGroup } from './waiting-order.ts';

const READ_MAX = 2_000;
const SHOWN_MAX = 200;
const FAILED = { state: 'FAILED' } as const;

const COLUMNS: readonly Column<Job>[] = [
  {
    name: 'File',
    narrow: true,
    cell: (job) => (
      <Link href={`/jobs/${encodeURIComponent(job.job_id)}`} onClick={(event) => event.stopPropagation()}>
        <bdi title={job.input.s3_path}>{nameOf(job)}</bdi>
      </Link>
    ),
  },
  {
    name: 'Failed',
    width: '120px',
    muted: true,
    narrow: true,
    cell: ({ completed_at }) => completed_at && <At at={completed_at} />,
  },
  { name: 'Error', width: '150px', cell: ({ retry_info }) => retry_info.last_error?.code ?? NONE },
  {
    name: 'Message',
    width: '34%',
    muted: true,
    wide: true,
    cell: ({ retry_info }) => (
      <span title={retry_info.last_error?.message}>{retry_info.last_error?.message ?? NONE}</span>
    ),
  },
  { name: 'Attempts', width: '80px', right: true, cell: ({ retry_info }) => retry_info.attempt },
  { name: 'Cost', width: '96px', right: true, cell: ({ cost_tracking }) => usd(cost_tracking.actual_cost_usd) },
];

export function DeadLetters({ dead }: { dead: DeadLetterSet | null }) {
  const { api } = useLive();
  const [, navigate] = useLocation();
  const read = useJobsOf(FAILED, READ_MAX);
  if (!read || dead === null) return <div aria-busy="true" />;
  if (dead.size === 0) {
    return (
      <Panel title="Dead letters">
        <Empty title="No job has failed for good">
          <p>
            A job that fails after its last attempt, or that no attempt can help, waits here until somebody decides.
          </p>
        </Empty>
      </Panel>
    );
  }
  const jobs = read.jobs.filter(({ job_id }) => dead.ids?.has(job_id) ?? true);
  const groups = byError(jobs);
  return (
    <>
      <Panel
        title="By error"
        className={styles.panel}
        aside={
          <div className={styles.actions}>
            <Redrive label="Run all again" list={() => api.queues.redrive({ dry_run: true })} />
            <QueueAction
              label="Remove all"
              verb="Remove"
              done="removed from the dead letters"
              note="They stay FAILED, and can be found among all jobs; only this list forgets them."
              danger
              list={() => api.queues.purge('dlq', { dry_run: true })}
              run={(job_ids) => api.queues.purge('dlq', { filter: { job_ids: [...job_ids] } })}
            />
          </div>
        }
      >
        <div className={styles.codes}>
          {groups.map((group) => (
            <Group key={group.code} group={group} />
          ))}
        </div>
      </Panel>
      <Panel title="Dead letters, the latest first" aside={`${count(dead.size)} jobs`}>
        <Table
          label="Dead letters"
          columns={COLUMNS}
          rows={jobs.slice(0, SHOWN_MAX)}
          keyOf={({ job_id }) => job_id}
          onOpen={({ job_id }) => navigate(`/jobs/${encodeURIComponent(job_id)}`)}
        />
        {jobs.length > SHOWN_MAX && (
          <div className={table.more}>
            <Link href="/jobs?state=FAILED">All failed jobs</Link>
          </div>
        )}
      </Panel>
    </>
  );
}

function Group({ group: { code, jobs, message } }: { group: DeadGroup }) {
  const { api } = useLive();
  return (
    <div className={styles.code}>
      <b className="mono">{code}</b>
      <span className={styles.number}>{count(jobs.length)}</span>
      <span className={styles.message} title={message}>
        {message}
      </span>
      <Redrive label="Run again" list={() => api.queues.redrive({ filter: { error_code: code }, dry_run: true })} />
    </div>
  );
}

function Redrive({ label, list }: { label: string; list: Parameters<typeof QueueAction>[0]['list'] }) {
  const { api } = useLive();
  return (
    <QueueAction
      label={label}
      verb="Run again"
      done="returned to the queue"
      note="Each gets a new set of attempts. Jobs whose recording is at fault will fail again."
      list={list}
      run={(job_ids) => api.queues.redrive({ filter: { job_ids: [...job_ids] } })}
      undo={(job_ids) => Promise.all(job_ids.map((id) => api.jobs.cancel(id)))}
    />
  );
}
