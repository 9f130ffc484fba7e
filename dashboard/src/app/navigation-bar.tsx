/** Navigation with live counts, the state of the connection and the choice of theme; on a narrow screen a bar at the top. */
import { ActionIcon, Anchor, Drawer, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useEffect } from 'react';
import { Link, useLocation } from 'wouter';
import { useLive, useSelection, useValue } from '../live/use-live.ts';
import { May, useMayAny } from '../live/use-may.tsx';
import { showError } from '../parts/act.tsx';
import { count } from '../parts/format.ts';
import { Icon } from '../parts/icon.tsx';
import { ConnectionState } from './connection-state.tsx';
import { NAVIGATION } from './navigation.ts';
import styles from './navigation-bar.module.css';

type Props = { onPalette: () => void; onHelp: () => void };

export function NavigationBar(props: Props) {
  const [opened, { open, close }] = useDisclosure(false);
  const [location] = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a page was chosen.
  useEffect(close, [location]);
  return (
    <>
      <nav className={styles.top} aria-label="Menu">
        <ActionIcon onClick={open} aria-label="Open navigation" size="lg">
          <Icon name="menu" />
        </ActionIcon>
        <Brand />
      </nav>
      <nav className={styles.bar} aria-label="Pages">
        <Content {...props} />
      </nav>
      <Drawer
        opened={opened}
        onClose={close}
        size="260px"
        padding={0}
        withCloseButton={false}
        title="Pages"
        classNames={{ header: styles.hidden! }}
      >
        <nav className={styles.drawer} aria-label="Pages">
          <Content {...props} />
        </nav>
      </Drawer>
    </>
  );
}

function Brand() {
  return (
    <Link href="/" className={styles.brand!}>
      <span className={styles.mark} aria-hidden="true">
        <b />
        <b />
        <b />
        <b />
      </span>
      transcription-monitor
    </Link>
  );
}

function Content({ onPalette, onHelp }: Props) {
  const [location] = useLocation();
  const counts = useCounts();
  const mayAny = useMayAny();
  return (
    <>
      <Brand />
      {NAVIGATION.filter(({ needs }) => mayAny(needs)).map(({ path, name }) => {
        const on = path === '/' ? location === '/' : location === path || location.startsWith(`${path}/`);
        const figure = counts[path];
        return (
          <Link
            key={path}
            href={path}
            className={styles.link!}
            data-on={on || undefined}
            aria-current={on ? 'page' : undefined}
          >
            {name}
            {figure && (
              <span data-bad={figure.bad || undefined}>
                {figure.text}
                <span className="visually-hidden"> {figure.unit}</span>
              </span>
            )}
          </Link>
        );
      })}
      <div className={styles.foot}>
        <May do="read">
          <ConnectionState />
        </May>
        <WhoIsSignedIn />
        <div className={styles.tools}>
          <ThemeChoice />
          <Tooltip label="Go to a page or job: Ctrl K">
            <ActionIcon onClick={onPalette} aria-label="Command palette">
              <Icon name="command" />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Keys: ?">
            <ActionIcon onClick={onHelp} aria-label="Keyboard shortcuts">
              <Icon name="keyboard" />
            </ActionIcon>
          </Tooltip>
        </div>
      </div>
    </>
  );
}

function WhoIsSignedIn() {
  const live = useLive();
  const session = useValue(live.session);
  if (!session?.signed_in) return null;
  return (
    <span className={styles.who}>
      <span title={`${session.key_id ? `Key ${session.key_id}` : 'By an identity provider'}, role ${session.role}`}>
        <bdi>{session.name || session.key_id}</bdi>, {session.role}
      </span>
      <Anchor component="button" type="button" inherit c="dimmed" onClick={() => void live.signOut().catch(showError)}>
        Sign out
      </Anchor>
    </span>
  );
}

type Figure = { text: string; unit: string; bad?: boolean };

function useCounts(): Record<string, Figure | null> {
  const live = useLive();
  const system = useValue(live.system);
  const queue = useValue(live.queue);
  const alerts = useSelection(live.alerts, (all) => all.size);
  if (!system) return {};
  return {
    '/jobs': { text: count(system.components.jobs.total_active), unit: 'jobs that have not ended' },
    '/workers': { text: count(system.components.workers.total_count), unit: 'live workers' },
    '/queues': queue && { text: count(queue.messages_visible + queue.messages_delayed), unit: 'jobs waiting' },
    '/alerts': alerts > 0 ? { text: count(alerts), unit: 'active alerts', bad: true } : null,
  };
}

const NEXT = { auto: 'light', light: 'dark', dark: 'auto' } as const;
const NAMES = { auto: 'as the system', light: 'light', dark: 'dark' } as const;

function ThemeChoice() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const shown = useComputedColorScheme('dark');
  const icon = colorScheme === 'auto' ? 'contrast' : shown === 'dark' ? 'moon' : 'sun';
  return (
    <Tooltip label={`Theme: ${NAMES[colorScheme]}`}>
      <ActionIcon
        onClick={() => setColorScheme(NEXT[colorScheme])}
        aria-label={`Theme: ${NAMES[colorScheme]}. Change to ${NAMES[NEXT[colorScheme]]}`}
      >
        <Icon name={icon} />
      </ActionIcon>
    </Tooltip>
  );
}
