/** Listens to the keyboard: goes to pages, opens help, palette and search; other keys are events of the page. */
import { useEffect, useRef } from 'react';
import { useLocation } from 'wouter';
import { useMayAny } from '../live/use-may.tsx';
import { keyAction, PAGE_KEY } from './keys.ts';
import { PAGES } from './navigation.ts';

const PREFIX_MS = 1_500;

export function useKeys({ onHelp, onPalette }: { onHelp: () => void; onPalette: () => void }): void {
  const [, navigate] = useLocation();
  const prefix = useRef<{ key: 'g' | null; at_ms: number }>({ key: null, at_ms: 0 });
  const mayAny = useMayAny();
  const handlers = useRef({ onHelp, onPalette, navigate, mayAny });
  handlers.current = { onHelp, onPalette, navigate, mayAny };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      const { key, ctrlKey: ctrl, metaKey: meta, altKey: alt } = event;
      const before = event.timeStamp - prefix.current.at_ms < PREFIX_MS ? prefix.current.key : null;
      const found = keyAction({ key, ctrl, meta, alt, typing: isTyping(event.target) }, before);
      prefix.current = { key: found.prefix, at_ms: event.timeStamp };
      const { action } = found;
      if (!action) return;
      if (document.querySelector('[role="dialog"]') && action.type !== 'palette') return;
      const done = run(action, handlers.current);
      if (done) event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

type Handlers = {
  onHelp: () => void;
  onPalette: () => void;
  navigate: (path: string) => void;
  mayAny: ReturnType<typeof useMayAny>;
};

function run(action: NonNullable<ReturnType<typeof keyAction>['action']>, handlers: Handlers): boolean {
  switch (action.type) {
    case 'go': {
      const page = PAGES.find(({ key, needs }) => key === action.key && handlers.mayAny(needs));
      if (page) handlers.navigate(page.path);
      return page !== undefined;
    }
    case 'help':
      handlers.onHelp();
      return true;
    case 'palette':
      handlers.onPalette();
      return true;
    case 'search': {
      const field = document.querySelector<HTMLInputElement>('input[type="search"]');
      field?.focus();
      field?.select();
      return field !== null;
    }
    default:
      return !window.dispatchEvent(new CustomEvent(PAGE_KEY, { detail: action.type, cancelable: true }));
  }
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches('input:not([type="checkbox"]), textarea, select');
}

/** Calls `onKey` for the keys of the page; returning true says that the key was used. */
export function usePageKeys(onKey: (key: string) => boolean): void {
  const handler = useRef(onKey);
  handler.current = onKey;
  useEffect(() => {
    const listen = (event: Event) => {
      if (handler.current((event as CustomEvent<string>).detail)) event.preventDefault();
    };
    window.addEventListener(PAGE_KEY, listen);
    return () => window.removeEventListener(PAGE_KEY, listen);
  }, []);
}
