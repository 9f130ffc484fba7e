/** How much of the fleet each tenant gets, and how much each caller may ask for. */
import { useEffect, useState } from 'react';
import type { SystemSettings } from '../../../../protocol/system.ts';
import { useLive } from '../../live/use-live.ts';
import { May } from '../../live/use-may.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { Facts } from '../../parts/facts.tsx';
import { count } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import styles from './limits.module.css';
import { Tenants } from './tenants.tsx';

export function Limits() {
  return (
    <Page title="Limits">
      <Tenants />
      <May do="admin">
        <Requests />
      </May>
    </Page>
  );
}

const NAMES = [
  ['key_requests_per_second', 'Requests of a key'],
  ['address_requests_per_second', 'Requests of an address'],
  ['socket_messages_per_second', 'Messages of a WebSocket'],
] as const;

function Requests() {
  const { api } = useLive();
  const [settings, setSettings] = useState<SystemSettings['settings'] | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    api.system.settings({ signal: stop.signal }).then(
      (found) => setSettings(found.settings),
      () => {},
    );
    return () => stop.abort();
  }, [api]);
  if (settings === null) return <div aria-busy="true" />;
  const facts = NAMES.map(([setting, name]) => {
    const value = Number(settings.find((one) => one.name === setting)?.value ?? 0);
    return [name, value === 0 ? 'no limit' : `${count(value)} a second`] as const;
  });
  return (
    <Panel title="Requests" className={styles.panel}>
      <Facts facts={facts} />
      <div className={styles.text}>
        <p>
          Who asks for more gets 429 with the time to wait, for bursts of more than five seconds. Set when it starts:
        </p>
        <CommandLine command="tmon serve --key-requests-per-second 50 --address-requests-per-second 200" />
      </div>
    </Panel>
  );
}
