/** Alerts that fire, and those whose condition has not held long enough yet. */
import { Button } from '@mantine/core';
import { Link } from 'wouter';
import type { ListedAlert } from '../../../../sdk/typescript/index.ts';
import { useLive, useSelection, useValue } from '../../live/use-live.ts';
import { May } from '../../live/use-may.tsx';
import { useAct } from '../../parts/act.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { Ago } from '../../parts/time.tsx';
import { byOf, useYourName } from '../../parts/your-name.ts';
import { byUrgency, severityTone, suppressionWords } from './alert-words.ts';
import styles from './alerts.module.css';
import { SilenceButton } from './silence-button.tsx';
import { useList } from './use-pages.ts';

export function ActiveAlerts() {
  const live = useLive();
  const version = useSelection(live.alerts, (all) => all.version);
  const { alerts } = useValue(live.system) ?? {};
  const { items, again } = useList((signal) => live.api.system.alerts({ status: 'unresolved' }, { signal }), {
    version: `${version} ${alerts?.length}`,
  });
  if (items === null) return <div aria-busy="true" />;
  const sorted = byUrgency(items);
  const firing = sorted.filter(({ status }) => status === 'firing');
  const pending = sorted.filter(({ status }) => status === 'pending');
  return (
    <>
      <Panel title="Firing" className={styles.panel}>
        {firing.length === 0 ? (
          <Empty title="Nothing fires">
            <p>
              Every rule is content. <Link href="/alerts?tab=rules">See the rules</Link>, and when they would have
              fired.
            </p>
          </Empty>
        ) : (
          firing.map((alert) => <Row key={alert.id} alert={alert} onChange={again} />)
        )}
      </Panel>
      {pending.length > 0 && (
        <Panel title="Pending" aside="their condition has not held for long enough yet">
          {pending.map((alert) => (
            <Row key={alert.id} alert={alert} onChange={again} />
          ))}
        </Panel>
      )}
    </>
  );
}

function Row({ alert, onChange }: { alert: ListedAlert; onChange: () => void }) {
  const live = useLive();
  const [name] = useYourName();
  const { busy, act } = useAct();
  const { id, rule, severity, status, message, description, runbook_url, created_at, fired_at, acknowledged } = alert;
  const quiet = suppressionWords(alert);
  const change = (run: () => Promise<Parameters<typeof live.tookAlert>[0]>, text: string) =>
    act(async () => {
      live.tookAlert(await run());
      onChange();
      return { text };
    });
  return (
    <article className={styles.alert} data-quiet={quiet !== null || undefined} aria-label={message}>
      <i data-tone={severityTone(severity)} title={severity.toLowerCase()} />
      <div className={styles.what}>
        <p>
          <span className="visually-hidden">{severity.toLowerCase()}: </span>
          {message}
        </p>
        <small>
          <span className="mono">{rule}</span>
          {description && ` · ${description}`}
          {runbook_url && (
            <>
              {' · '}
              <a href={runbook_url} rel="noreferrer">
                runbook
              </a>
            </>
          )}
          <Subject alert={alert} />
        </small>
      </div>
      <span className={styles.state}>{quiet && <Pill tone="idle">{quiet}</Pill>}</span>
      <span className={styles.age}>
        <Ago at={fired_at ?? created_at} bare />
      </span>
      <span className={styles.buttons}>
        <May do="operate">
          {status === 'firing' && !acknowledged && (
            <Button
              loading={busy}
              onClick={() =>
                change(
                  () => live.api.system.acknowledgeAlert(id, { by: byOf(name) }),
                  'Acknowledged: it notifies nobody until it is resolved.',
                )
              }
            >
              Acknowledge
            </Button>
          )}
          <SilenceButton labels={alert.labels} onDone={onChange} />
          <Button
            loading={busy}
            onClick={() =>
              change(
                () => live.api.system.resolveAlert(id, { by: byOf(name) }),
                'Resolved: it is raised again once its condition has cleared and holds again.',
              )
            }
          >
            Resolve
          </Button>
        </May>
      </span>
    </article>
  );
}

/** A link to what it is about. */
function Subject({ alert: { labels } }: { alert: ListedAlert }) {
  const { worker, job, queue } = labels;
  const [href, words] = worker
    ? [`/workers/${encodeURIComponent(worker)}`, 'worker']
    : job
      ? [`/jobs/${encodeURIComponent(job)}`, 'job']
      : queue
        ? [queue === 'dlq' ? '/queues?queue=dlq' : '/queues', 'queue']
        : [null, ''];
  return (
    href && (
      <>
        {' · '}
        <Link href={href}>{words}</Link>
      </>
    )
  );
}
