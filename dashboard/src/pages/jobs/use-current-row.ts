/** The row that the keyboard is on, in the URL, so that the address shows a colleague the same. */
import { useEffect, useRef, useState } from 'react';
import { useSearchParams } from 'wouter';

export const ROW = 'row';
/** A key that is held would change the address faster than a browser permits. */
const SETTLED_MS = 250;

export function useCurrentRow(): [string | null, (id: string) => void] {
  const [params, setParams] = useSearchParams();
  const linked = params.get(ROW);
  const [current, setCurrent] = useState(linked);
  const change = useRef(setParams);
  change.current = setParams;
  useEffect(() => {
    if (current === null || current === linked) return;
    const timer = setTimeout(
      () =>
        change.current(
          (before) => {
            const next = new URLSearchParams(before);
            next.set(ROW, current);
            return next;
          },
          { replace: true },
        ),
      SETTLED_MS,
    );
    return () => clearTimeout(timer);
  }, [current, linked]);
  return [current, setCurrent];
}
