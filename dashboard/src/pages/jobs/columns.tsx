/** The columns of the list: what each shows, and as text for CSV. */
import type { ReactNode } from 'react';
import type { Job } from '../../../../protocol/job.ts';
import { ended } from '../../live/reduce-job.ts';
import { briefDuration, count, duration, NONE, percent, usd } from '../../parts/format.ts';
import { stageWord } from '../../parts/job-words.ts';
import { VerdictPill } from '../../parts/pill.tsx';
import { ProgressBar } from '../../parts/progress-bar.tsx';
import { Ago, At } from '../../parts/time.tsx';
import styles from './jobs.module.css';

export type Column = {
  key: string;
  name: string;
  /** For `grid-template-columns`. */
  width: string;
  right?: boolean;
  /** On a narrow screen, too. */
  narrow?: boolean;
  optional?: boolean;
  show: (job: Job) => ReactNode;
  text: (job: Job) => string | number | null;
};

const took = ({ performance }: Job) => performance.processing_time_seconds;
const cost = ({ cost_tracking }: Job) => cost_tracking.actual_cost_usd;

export const COLUMNS: readonly Column[] = [
  {
    key: 'verdict',
    name: 'State',
    width: '124px',
    narrow: true,
    show: (job) => <VerdictPill job={job} />,
    text: ({ state, verdict }) => (verdict && verdict.status !== 'on_track' ? `${state} ${verdict.status}` : state),
  },
  {
    key: 'progress',
    name: 'Progress',
    width: '190px',
    show: (job) => <Progress job={job} />,
    text: ({ progress }) => progress.percentage,
  },
  {
    key: 'worker',
    name: 'Worker',
    width: '132px',
    show: ({ worker }) => <span className="mono">{worker?.worker_id ?? NONE}</span>,
    text: ({ worker }) => worker?.worker_id ?? null,
  },
  {
    key: 'audio',
    name: 'Audio',
    width: '84px',
    right: true,
    show: ({ input }) => duration(input.duration_seconds),
    text: ({ input }) => input.duration_seconds,
  },
  {
    key: 'submitted',
    name: 'Submitted',
    width: '112px',
    right: true,
    show: ({ created_at }) => <At at={created_at} />,
    text: ({ created_at }) => created_at,
  },
  {
    key: 'took',
    name: 'Took',
    width: '84px',
    right: true,
    show: (job) => duration(took(job)),
    text: took,
  },
  {
    key: 'cost',
    name: 'Cost',
    width: '92px',
    right: true,
    show: (job) => usd(cost(job)),
    text: cost,
  },
  {
    key: 'waited',
    name: 'Waited',
    width: '84px',
    right: true,
    optional: true,
    show: ({ performance }) => duration(performance.queue_time_seconds),
    text: ({ performance }) => performance.queue_time_seconds,
  },
  {
    key: 'priority',
    name: 'Priority',
    width: '72px',
    optional: true,
    show: ({ priority }) => priority,
    text: ({ priority }) => priority,
  },
  {
    key: 'tags',
    name: 'Tags',
    width: '140px',
    optional: true,
    show: ({ tags }) => <bdi title={tags.join(', ')}>{tags.join(', ')}</bdi>,
    text: ({ tags }) => tags.join(' '),
  },
  {
    key: 'attempt',
    name: 'Attempt',
    width: '72px',
    right: true,
    optional: true,
    show: ({ retry_info }) => `${retry_info.attempt} of ${retry_info.max_attempts}`,
    text: ({ retry_info }) => retry_info.attempt,
  },
  {
    key: 'error',
    name: 'Last error',
    width: '220px',
    optional: true,
    show: ({ retry_info }) => <span title={retry_info.last_error?.message}>{retry_info.last_error?.code ?? NONE}</span>,
    text: ({ retry_info }) => retry_info.last_error?.code ?? null,
  },
  {
    key: 'confidence',
    name: 'Confidence',
    width: '88px',
    right: true,
    optional: true,
    show: ({ output }) => percent(output.confidence_score === null ? null : output.confidence_score * 100),
    text: ({ output }) => output.confidence_score,
  },
  {
    key: 'id',
    name: 'Id',
    width: '250px',
    optional: true,
    show: ({ job_id }) => <span className="mono">{job_id}</span>,
    text: ({ job_id }) => job_id,
  },
];

export const DEFAULT_COLUMNS = COLUMNS.filter(({ optional }) => !optional).map(({ key }) => key);

function Progress({ job }: { job: Job }) {
  const { state, progress, retry_info } = job;
  if (state === 'PROCESSING' || state === 'CANCELLING') {
    const left =
      progress.eta_seconds === null || progress.eta_seconds <= 0 ? '' : `${briefDuration(progress.eta_seconds)} left`;
    return (
      <span className={styles.progress} title={`${stageWord(progress.stage)} ${left}`}>
        <ProgressBar job={job} />
        <span>{percent(progress.percentage)}</span>
      </span>
    );
  }
  const { last_error } = retry_info;
  if (state === 'FAILED' && last_error) return <span title={last_error.message}>{last_error.code}</span>;
  if (state === 'COMPLETED') return `${count(job.output.segments_count)} segments`;
  if (ended(state)) return NONE;
  return (
    <>
      waits <Ago at={job.state_history.at(-1)?.timestamp ?? job.created_at} bare />
      {retry_info.attempt > 1 && ` for attempt ${retry_info.attempt}`}
    </>
  );
}
