/**
 * Tells when somebody uses the page. What the page fetches by itself, because the feed reports something, does not keep a
 * session alive (`BACKGROUND`); somebody who clicks, types or scrolls does.
 */

/** Sent with every request of the page but those that follow from `followPresence`. */
export const BACKGROUND = { 'tmon-background': '1' };

/** Often enough for any limit that makes sense, and no load. */
const EVERY_MS = 60_000;
const SIGNS = ['pointerdown', 'keydown', 'wheel', 'touchmove'] as const;

/** Calls `onPresent` at a sign of somebody, at most once a minute. Returns a function that ends this. */
export function followPresence(
  target: EventTarget,
  onPresent: () => void,
  now: () => number = () => performance.now(),
): () => void {
  let last_ms = now();
  const look = () => {
    if (now() - last_ms < EVERY_MS) return;
    last_ms = now();
    onPresent();
  };
  for (const sign of SIGNS) target.addEventListener(sign, look, { capture: true, passive: true });
  return () => {
    for (const sign of SIGNS) target.removeEventListener(sign, look, { capture: true });
  };
}
