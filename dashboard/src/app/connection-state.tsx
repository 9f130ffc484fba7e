/** Whether the page is live: the position in the journal, or since when its data is old. */
import { useLive, useValue } from '../live/use-live.ts';
import { count } from '../parts/format.ts';
import { Ago } from '../parts/time.tsx';
import styles from './connection-state.module.css';

const WORDS = { live: 'live', connecting: 'connecting', away: 'no connection' } as const;

export function ConnectionState() {
  const { state, since_ms, seq } = useValue(useLive().connection);
  return (
    <span className={styles.state} data-state={state}>
      <i aria-hidden="true" />
      {/* Only the words are announced, not each segment and second. */}
      <span>
        <span role="status">{WORDS[state]}</span>
        {state === 'live' && ` · segment ${count(seq)}`}
        {state === 'away' && (
          <>
            {' for '}
            <Ago at_ms={since_ms} bare />
          </>
        )}
      </span>
    </span>
  );
}

/** A line over the page while its data is old. */
export function StaleNotice() {
  const { state, since_ms } = useValue(useLive().connection);
  if (state !== 'away') return null;
  return (
    <div className={styles.stale}>
      <b role="alert">The monitor does not respond.</b> What is shown here is <Ago at_ms={since_ms} bare /> old. The
      page reconnects by itself and catches up.
    </div>
  );
}
