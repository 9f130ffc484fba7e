/** Runs what a button does, and says what came of it: done, with undo where it can be undone; or why not, and what to do. */
import { Button } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useCallback, useState } from 'react';
import { ApiError } from '../../../sdk/typescript/index.ts';
import styles from './act.module.css';

type Done = { text: string; undo?: () => Promise<unknown> };

const SHOWN_MS = 6_000;
const UNDO_MS = 12_000;

/** `act` resolves to whether it succeeded. `busy` while it runs. */
export function useAct(): { busy: boolean; act: (run: () => Promise<Done>) => Promise<boolean> } {
  const [busy, setBusy] = useState(false);
  const act = useCallback(async (run: () => Promise<Done>) => {
    setBusy(true);
    try {
      showDone(await run());
      return true;
    } catch (error) {
      showError(error);
      return false;
    } finally {
      setBusy(false);
    }
  }, []);
  return { busy, act };
}

export function showDone({ text, undo }: Done): void {
  const id = `done-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  notifications.show({
    id,
    autoClose: undo ? UNDO_MS : SHOWN_MS,
    withBorder: true,
    closeButtonProps: { 'aria-label': 'Dismiss' },
    message: (
      <div className={styles.done}>
        <span>{text}</span>
        {undo && (
          <Button
            onClick={() => {
              notifications.hide(id);
              undo().then(() => showDone({ text: 'Undone.' }), showError);
            }}
          >
            Undo
          </Button>
        )}
      </div>
    ),
  });
}

export function showError(error: unknown): void {
  const { message } = error as Error;
  const hint = error instanceof ApiError ? error.hint : undefined;
  notifications.show({
    autoClose: UNDO_MS,
    withBorder: true,
    closeButtonProps: { 'aria-label': 'Dismiss' },
    color: 'red',
    role: 'alert',
    title: message.charAt(0).toUpperCase() + message.slice(1),
    message: hint,
  });
}
