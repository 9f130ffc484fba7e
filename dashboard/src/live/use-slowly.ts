/** Follows a value that changes often, for what is read again with it. */
import { useEffect, useState } from 'react';

/** `again_ms`: at the earliest so long after the last change. */
export function useSlowly(value: number, again_ms: number): number {
  const [shown, setShown] = useState({ value, at_ms: 0 });
  useEffect(() => {
    if (value === shown.value) return;
    const wait_ms = Math.max(0, shown.at_ms + again_ms - Date.now());
    const timer = setTimeout(() => setShown({ value, at_ms: Date.now() }), wait_ms);
    return () => clearTimeout(timer);
  }, [value, shown, again_ms]);
  return shown.value;
}
