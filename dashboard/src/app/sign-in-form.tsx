/** Exchanges a key for a session of this browser. */
import { Button, PasswordInput } from '@mantine/core';
import { useState } from 'react';
import { useLive, useValue } from '../live/use-live.ts';
import { CommandLine } from '../parts/command-line.tsx';
import styles from './sign-in-form.module.css';

export function SignInForm() {
  const live = useLive();
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const provider = useValue(live.session)?.provider ?? null;
  const signIn = async () => {
    setBusy(true);
    try {
      await live.signIn(key.trim());
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className={styles.page}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          void signIn();
        }}
      >
        <h1>Sign in to transcription-monitor</h1>
        {provider && (
          <>
            <Button component="a" href={`${provider.path}?to=${encodeURIComponent(here())}`} variant="filled" size="sm">
              Sign in with {provider.name}
            </Button>
            <p className={styles.or}>or</p>
          </>
        )}
        <p>Paste an API key of this monitor. It is exchanged for a session in a cookie, and not kept in the browser.</p>
        <PasswordInput
          label="API key"
          size="sm"
          value={key}
          onChange={(event) => {
            setKey(event.currentTarget.value);
            setProblem(null);
          }}
          error={problem}
          placeholder="tmk_…"
          autoComplete="off"
          data-autofocus
          autoFocus={provider === null}
        />
        <Button
          type="submit"
          variant={provider === null ? 'filled' : 'default'}
          size="sm"
          loading={busy}
          disabled={key.trim() === ''}
        >
          Sign in
        </Button>
        <p>An administrator creates keys:</p>
        <CommandLine command="tmon keys create --role operate" />
      </form>
    </main>
  );
}

/** To which the browser returns. */
const here = (): string => `${window.location.pathname}${window.location.search}`;
