/** The frame of every page: navigation, keys, palette, and the place where the page is drawn. */
import { lazy, Suspense, useState } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { useMayAny } from '../live/use-may.tsx';
import { ErrorBoundary } from './error-boundary.tsx';
import { PAGES } from './navigation.ts';
import { NavigationBar } from './navigation-bar.tsx';
import { NotForYou } from './not-for-you.tsx';
import styles from './shell.module.css';
import { useKeys } from './use-keys.ts';

const ROUTES = PAGES.map(({ path, name, needs, load }) => ({ path, name, needs, Component: lazy(load) }));
const KeysHelp = lazy(async () => ({ default: (await import('./keys-help.tsx')).KeysHelp }));
const Palette = lazy(async () => ({ default: (await import('./palette.tsx')).Palette }));

export function Shell() {
  const [open, setOpen] = useState<'help' | 'palette' | null>(null);
  const [location] = useLocation();
  const mayAny = useMayAny();
  useKeys({ onHelp: () => setOpen('help'), onPalette: () => setOpen('palette') });
  const close = () => setOpen(null);
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        Skip to the content
      </a>
      <NavigationBar onPalette={() => setOpen('palette')} onHelp={() => setOpen('help')} />
      <main id="main" className={styles.main} tabIndex={-1}>
        <ErrorBoundary key={location}>
          <Suspense fallback={<div className={styles.loading} aria-busy="true" />}>
            <Switch>
              {ROUTES.map(({ path, name, needs, Component }) => (
                <Route key={path} path={path}>
                  {mayAny(needs) ? <Component /> : <NotForYou name={name} />}
                </Route>
              ))}
              <Route>
                <Redirect to="/" replace />
              </Route>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </main>
      <Suspense>
        {open === 'help' && <KeysHelp onClose={close} />}
        {open === 'palette' && <Palette onClose={close} />}
      </Suspense>
    </div>
  );
}
