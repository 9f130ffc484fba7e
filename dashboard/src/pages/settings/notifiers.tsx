/** Who is notified of alerts, and webhooks: each can be sent a test, and what became of it is said. */
import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Notification, NotificationTest } from '../../../../protocol/notification.ts';
import type { TranscriptionAPI } from '../../../../sdk/typescript/index.ts';
import { useLive } from '../../live/use-live.ts';
import { useAct } from '../../parts/act.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { Panel } from '../../parts/panel.tsx';
import styles from './settings.module.css';

const ASK_MS = 700;
const ASKED_MAX = 15;

export function Notifiers({ destinations }: { destinations: readonly string[] }) {
  const [url, setUrl] = useState('');
  return (
    <Panel title="Notifiers and webhooks" aside={<Link href="/alerts?tab=deliveries">deliveries</Link>}>
      {destinations.length === 0 ? (
        <div className={styles.text}>
          <p>Nobody is notified of alerts. Name somebody:</p>
          <CommandLine command="tmon serve --notify slack:https://hooks.slack.com/services/…" />
        </div>
      ) : (
        <ul className={styles.destinations}>
          {destinations.map((destination) => (
            <li key={destination}>
              <span title={destination}>{destination}</span>
              <SendTest test={{ destination }} />
            </li>
          ))}
        </ul>
      )}
      <div className={styles.test}>
        <TextInput
          label="Webhook of a job"
          type="url"
          value={url}
          onChange={(event) => setUrl(event.currentTarget.value)}
          placeholder="https://example.com/transcribed"
        />
        <SendTest test={{ webhook_url: url.trim() }} disabled={!/^https?:\/\/\S+$/.test(url.trim())} />
      </div>
    </Panel>
  );
}

function SendTest({ test, disabled = false }: { test: NotificationTest; disabled?: boolean }) {
  const { api } = useLive();
  const { busy, act } = useAct();
  return (
    <Button
      loading={busy}
      disabled={disabled}
      onClick={() => act(async () => ({ text: outcomeOf(await outcome(api, test)) }))}
    >
      Send a test
    </Button>
  );
}

/** Deliveries are not in the feed, so it is asked for until it has ended or been tried. */
async function outcome(api: TranscriptionAPI, test: NotificationTest): Promise<Notification> {
  let sent = await api.system.testNotification(test);
  for (let asked = 0; asked < ASKED_MAX && sent.ended_at === null && sent.last_error === null; asked++) {
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    sent = await api.system.notification(sent.id);
  }
  return sent;
}

function outcomeOf({ state, last_error, destination }: Notification): string {
  if (state === 'delivered') return `The test has arrived at ${destination}.`;
  if (last_error !== null)
    return `The test did not arrive: ${last_error}.${state === 'failed' ? '' : ' It is tried again.'}`;
  return 'The test is on its way; the deliveries say what becomes of it.';
}
