/** The button that helps: it says what it does before it does it. */
import { Button, Tooltip } from '@mantine/core';
import { useLive } from '../live/use-live.ts';
import { useMayAny } from '../live/use-may.tsx';
import { useAct } from './act.tsx';
import { callOf, doable, type Remedy } from './remedy.ts';

type Props = {
  /** All alike. */
  remedies: readonly Remedy[];
  label?: string | undefined;
  primary?: boolean;
};

export function RemedyButton({ remedies, label, primary = false }: Props) {
  const { api } = useLive();
  const { busy, act } = useAct();
  const possible = doable(remedies, useMayAny());
  const calls = possible.flatMap((remedy) => callOf(remedy) ?? []);
  const [first] = calls;
  if (!first) return null;
  const what = possible.map((remedy) => `${remedy.what}.`);
  const run = async () => {
    for (const call of calls) await call.run(api);
    return { text: `Done: ${what.join(' ')}` };
  };
  return (
    <Tooltip label={what.join(' ')} multiline maw={340}>
      <Button loading={busy} variant={primary ? 'filled' : 'default'} onClick={() => act(run)}>
        {label ?? first.label}
        {calls.length > 1 && ` ${calls.length}`}
      </Button>
    </Tooltip>
  );
}
