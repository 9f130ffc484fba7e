/** Whether the page is live: the position in the journal, or since when its data is old. */
import { useLive, useValue } from '../live/use-live.ts';
import { count } from '../parts/format.ts';
import { Ago } from '../parts/time.tsx';
import styles from './connection-state.module.css';

export function ConnectionState() {
  const { state, since_ms, seq } = useValue(useLive().connection);
  return (
    <span className={styles.state} data-state={state} role="status">
      <i aria-hidden="true" />
      {state === 'live' && `live · segment ${count(seq)}`}
      {state === 'connecting' && 'connecting'}
      {state === 'away' && (
        <span>
          no connection for <Ago at_ms={since_ms} bare />
        </span>
      )}
    </span>
  );
}

/** A line over the page while its data is old. */
export function StaleNotice() {
  const { state, since_ms } = useValue(useLive().connection);
  if (state !== 'away') return null;
  return (
    <div className={styles.stale} role="alert">
      <b>The monitor does not respond.</b> What is shown here is <Ago at_ms={since_ms} bare /> old. The page reconnects
      by itself and catches up.
    </div>
  );
}
