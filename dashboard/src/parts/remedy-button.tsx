/** The button that helps: it says what it does before it does it. */
import { Button, Tooltip } from '@mantine/core';
import { useLive } from '../live/use-live.ts';
import { useAct } from './act.tsx';
import { callOf, type Remedy } from './remedy.ts';

export function RemedyButton({ remedy, primary = false }: { remedy: Remedy; primary?: boolean }) {
  const { api } = useLive();
  const { busy, act } = useAct();
  const call = callOf(remedy);
  if (!call) return null;
  return (
    <Tooltip label={remedy.what} multiline maw={320}>
      <Button
        loading={busy}
        variant={primary ? 'filled' : 'default'}
        onClick={() =>
          act(async () => {
            await call.run(api);
            return { text: `Done: ${remedy.what.charAt(0).toLowerCase()}${remedy.what.slice(1)}.` };
          })
        }
      >
        {call.label}
      </Button>
    </Tooltip>
  );
}
