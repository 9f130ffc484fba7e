/** Saved views of the list and the chosen columns: names and queries only, in this browser. */

export type View = { name: string; query: string };

const VIEWS = 'tmon.jobs.views';
const COLUMNS = 'tmon.jobs.columns';

type Store = Pick<Storage, 'getItem' | 'setItem'>;

function read(store: Store, key: string): unknown {
  try {
    return JSON.parse(store.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

function write(store: Store, key: string, value: unknown): void {
  try {
    store.setItem(key, JSON.stringify(value));
  } catch {
    // A browser may refuse to store anything: the choice then lasts as long as the page.
  }
}

export function savedViews(store: Store): View[] {
  const views = read(store, VIEWS);
  if (!Array.isArray(views)) return [];
  return views.filter((view): view is View => typeof view?.name === 'string' && typeof view?.query === 'string');
}

/** Replaces the view of the same name. */
export function saveView(store: Store, view: View): View[] {
  const views = [...savedViews(store).filter(({ name }) => name !== view.name), view];
  write(store, VIEWS, views);
  return views;
}

export function removeView(store: Store, name: string): View[] {
  const views = savedViews(store).filter((view) => view.name !== name);
  write(store, VIEWS, views);
  return views;
}

export function chosenColumns(store: Store, known: readonly string[], byDefault: readonly string[]): string[] {
  const chosen = read(store, COLUMNS);
  if (!Array.isArray(chosen)) return [...byDefault];
  return known.filter((key) => chosen.includes(key));
}

export function chooseColumns(store: Store, keys: readonly string[]): void {
  write(store, COLUMNS, keys);
}
