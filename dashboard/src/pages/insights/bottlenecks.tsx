/** What slows jobs down or makes them fail: patterns, each with jobs that show it. */
import { Link } from 'wouter';
import { PATTERNS, type Pattern } from '../../../../protocol/analytics-words.ts';
import { Empty } from '../../parts/empty.tsx';
import { Figure, Figures } from '../../parts/figure.tsx';
import { count, duration } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { Failed } from './failed.tsx';
import styles from './insights.module.css';
import { type Range, timesOf } from './ranges.ts';
import { useReport } from './use-report.ts';

const NAMES: Readonly<Record<Pattern, string>> = {
  large_files: 'Large files',
  gpu_issues: 'GPU hardly used',
  network_issues: 'Slow downloads',
  cold_starts: 'Cold starts',
  cpu_fallback: 'On a CPU',
  bad_workers: 'Bad workers',
  bad_sources: 'Bad sources',
  retries: 'Retries',
};
const SHOWN_MAX = 5;

export function Bottlenecks({ range }: { range: Range }) {
  const loaded = useReport(`bottlenecks ${range}`, (api, signal) =>
    api.analytics.bottlenecks({ ...timesOf(range, Date.now()), limit: SHOWN_MAX }, { signal }),
  );
  if (loaded.state === 'loading') return <div aria-busy="true" />;
  if (loaded.state === 'failed') return <Failed error={loaded.error} />;
  const { jobs_completed, average_processing_seconds, slow_jobs, counts, patterns } = loaded.value;
  const found = (Object.keys(PATTERNS) as Pattern[]).filter((pattern) => counts[pattern] > 0);
  return (
    <>
      <Figures>
        <Figure name="Completed" value={count(jobs_completed)} unit="jobs" beside="looked at" />
        <Figure name="Mean processing" value={duration(average_processing_seconds)} beside="of a job" />
        <Figure name="Slow" value={count(slow_jobs)} unit="jobs" beside="took more than twice as long" />
      </Figures>
      {found.length === 0 ? (
        <Panel title="Patterns">
          <Empty title="No pattern was found">
            <p>Slow and failed jobs have nothing in common that these patterns look for.</p>
          </Empty>
        </Panel>
      ) : (
        <div className={styles.patterns}>
          {found.map((pattern) => (
            <Panel key={pattern} title={NAMES[pattern]} aside={`${count(counts[pattern])} jobs`}>
              <div className={styles.pattern}>
                <p>{PATTERNS[pattern]}</p>
                <ul>
                  {patterns[pattern].map(({ job_id, evidence, ...row }) => (
                    <li key={job_id}>
                      <Link href={`/jobs/${encodeURIComponent(job_id)}`}>
                        <bdi>{lastPart((row as Record<string, unknown>).audio_url) || job_id}</bdi>
                      </Link>
                      <small>{evidence}</small>
                    </li>
                  ))}
                </ul>
              </div>
            </Panel>
          ))}
        </div>
      )}
    </>
  );
}

function lastPart(url: unknown): string {
  return typeof url === 'string' ? (url.split('/').at(-1) ?? '') : '';
}
