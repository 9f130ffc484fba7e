/** The name under which somebody acknowledges alerts and creates silences; remembered by the browser until there are keys. */
import { useLocalStorage } from '@mantine/hooks';

export function useYourName(): [string, (name: string) => void] {
  const [name, setName] = useLocalStorage({ key: 'tmon-name', defaultValue: '', getInitialValueInEffect: false });
  return [name, setName];
}

/** What is written if somebody gives no name. */
export const byOf = (name: string): string => name.trim() || 'dashboard';
