/** When rules would have fired, drawn on a time axis: those that apply, or others that somebody tries. */
import { Button, Select, Textarea } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { AlertBacktest } from '../../../../protocol/alert.ts';
import { ApiError, RefusedError } from '../../../../sdk/typescript/index.ts';
import { useLive } from '../../live/use-live.ts';
import { count } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { clockTime } from '../../parts/times.ts';
import { lanesOf } from './alert-words.ts';
import styles from './alerts.module.css';

const HOUR_MS = 3_600_000;
const RANGES: Readonly<Record<string, number>> = {
  'last 6 hours': 6 * HOUR_MS,
  'last 24 hours': 24 * HOUR_MS,
  'last 7 days': 7 * 24 * HOUR_MS,
};
const EXAMPLE = `rules:
  - name: queue_slow
    at_least: 10m
  - name: cost_per_hour
    above: 10
    enabled: true
`;

export function Backtest() {
  const { api } = useLive();
  const [range, setRange] = useState('last 24 hours');
  const [rules, setRules] = useState<string | null>(null);
  const [tried, setTried] = useState<string | null>(null);
  const [result, setResult] = useState<AlertBacktest | 'running' | ApiError | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    setResult('running');
    const since = new Date(Date.now() - RANGES[range]!).toISOString();
    api.system
      .backtestAlertRules({ since, ...(tried === null ? {} : { rules: tried }) }, { signal: stop.signal })
      .then(setResult, (error: unknown) => {
        if (!stop.signal.aborted) setResult(error instanceof ApiError ? error : null);
      });
    return () => stop.abort();
  }, [api, range, tried]);
  return (
    <Panel
      title={tried === null ? 'When these rules have fired' : 'When your rules would have fired'}
      className={styles.panel}
      aside={
        <div className={styles.tools}>
          <Select
            data={Object.keys(RANGES)}
            value={range}
            onChange={(value) => setRange(value!)}
            aria-label="Range"
            w={140}
          />
          <Button onClick={() => setRules(rules === null ? EXAMPLE : null)} aria-expanded={rules !== null}>
            Try other rules
          </Button>
        </div>
      }
    >
      {rules !== null && (
        <form
          className={styles.editor}
          onSubmit={(event) => {
            event.preventDefault();
            setTried(rules);
          }}
        >
          <Textarea
            label="A file of rules, which changes the default ones"
            size="xs"
            autosize
            minRows={6}
            maxRows={20}
            spellCheck={false}
            value={rules}
            onChange={(event) => setRules(event.currentTarget.value)}
          />
          <div className={styles.tools}>
            <Button type="submit" variant="filled">
              Test them
            </Button>
            {tried !== null && <Button onClick={() => setTried(null)}>Back to the rules that apply</Button>}
          </div>
        </form>
      )}
      <Result of={result} />
    </Panel>
  );
}

function Result({ of }: { of: AlertBacktest | 'running' | ApiError | null }) {
  if (of === 'running') {
    return (
      <p className={styles.note} aria-busy="true">
        Replaying the journal …
      </p>
    );
  }
  if (of === null) return <p className={styles.note}>The journal could not be replayed.</p>;
  if (of instanceof ApiError) return <Problems error={of} />;
  const lanes = lanesOf(of.firings, of.from, of.to);
  return (
    <>
      {lanes.length === 0 ? (
        <p className={styles.note}>No rule would have fired.</p>
      ) : (
        <div className={styles.lanes}>
          {lanes.map(({ rule, spans }) => (
            <div key={rule} className={styles.lane}>
              <span>
                <span className="mono">{rule}</span> · {count(spans.length)}
              </span>
              <span
                className={styles.track}
                role="img"
                aria-label={`${rule} fired ${count(spans.length)} times${spans.some(({ open }) => open) ? ', and still fires' : ''}`}
              >
                {spans.map(({ from, width, words, open }) => (
                  <i
                    key={`${from} ${words}`}
                    style={{ left: `min(${from}%, 100% - 3px)`, width: `${width}%` }}
                    title={words}
                    data-open={open || undefined}
                  />
                ))}
              </span>
            </div>
          ))}
          <Axis from={of.from} to={of.to} />
        </div>
      )}
      {of.left_out.length > 0 && (
        <p className={styles.note}>Not in the journal, so left out: {of.left_out.join(', ')}.</p>
      )}
    </>
  );
}

function Axis({ from, to }: { from: string; to: string }) {
  const [from_ms, to_ms] = [Date.parse(from), Date.parse(to)];
  const long = to_ms - from_ms > 24 * HOUR_MS;
  return (
    <div className={styles.lane} aria-hidden="true">
      <span />
      <div className={styles.axis}>
        {[0, 25, 50, 75, 100].map((part) => {
          const at = new Date(from_ms + ((to_ms - from_ms) * part) / 100).toISOString();
          const words = clockTime(at, long ? 0 : Date.now()).replace(/(\d\d:\d\d):\d\d$/, '$1');
          return (
            <span key={part} style={{ left: `${part}%` }}>
              {words}
            </span>
          );
        })}
      </div>
    </div>
  );
}

/** Each mistake with its line. */
function Problems({ error }: { error: ApiError }) {
  const errors =
    error instanceof RefusedError ? ((error.problem.errors ?? []) as { field: string; message: string }[]) : [];
  return (
    <ul className={styles.errors} role="alert">
      {errors.length === 0 && <li>{error.message}</li>}
      {errors.map(({ field, message }) => (
        <li key={`${field} ${message}`}>
          {field}: {message}
        </li>
      ))}
    </ul>
  );
}
