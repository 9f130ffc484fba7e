/** Exchanges a key for a session of this browser. */
import { Button, PasswordInput } from '@mantine/core';
import { useState } from 'react';
import { useLive } from '../live/use-live.ts';
import { CommandLine } from '../parts/command-line.tsx';
import styles from './sign-in-form.module.css';

export function SignInForm() {
  const live = useLive();
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
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
          autoFocus
        />
        <Button type="submit" variant="filled" size="sm" loading={busy} disabled={key.trim() === ''}>
          Sign in
        </Button>
        <p>An administrator creates keys:</p>
        <CommandLine command="tmon keys create --role operate" />
      </form>
    </main>
  );
}
