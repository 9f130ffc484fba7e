/**
 * A sorted map with free copies: `clone()` shares every node, and a later write copies only the path it touches.
 *
 * A batch is decided on a copy that is adopted or dropped as a whole, a snapshot is written over many turns of the
 * event loop from a copy that no longer changes, and a page of a list comes from one consistent state.
 *
 * The map is a B+tree. Only the map whose `#owner` a node has may change the node in place; `clone()` leaves the shared
 * nodes without an owner, so both maps copy a node before they write to it. Keys are compared with `<`: all strings, or
 * all numbers.
 *
 * It is not a library's because look-ups are the hottest loop of the server: with inlined comparisons they take a third
 * of the time of a library that calls a comparator. A map can also be built from sorted rows in one pass.
 */
export class SortedMap<K extends string | number, V> {
  #root: Node<K, V> = leaf<K, V>(NO_OWNER, [], []);
  #owner: object | null = null;
  #size = 0;

  /**
   * A map of these entries; a later value replaces an earlier one with the same key. Fastest if the keys are sorted.
   */
  static of<K extends string | number, V>(keys: readonly K[], values: readonly V[]): SortedMap<K, V> {
    const map = new SortedMap<K, V>();
    const level = leavesOf(keys, values);
    for (const leaf of level) map.#size += leaf.keys.length;
    if (level.length > 0) map.#root = treeOver(level);
    return map;
  }

  get size(): number {
    return this.#size;
  }

  /** A copy that may be changed, in constant time. */
  clone(): SortedMap<K, V> {
    const copy = new SortedMap<K, V>();
    this.#owner = null;
    copy.#root = this.#root;
    copy.#size = this.#size;
    return copy;
  }

  get(key: K): V | undefined {
    let node = this.#root;
    while (node.children !== null) node = node.children[childAt(node.keys, key)]!;
    const index = lowerBound(node.keys, key);
    return node.keys[index] === key ? node.values[index] : undefined;
  }

  has(key: K): boolean {
    let node = this.#root;
    while (node.children !== null) node = node.children[childAt(node.keys, key)]!;
    return node.keys[lowerBound(node.keys, key)] === key;
  }

  set(key: K, value: V): void {
    this.#owner ??= {};
    this.#root = own(this.#root, this.#owner);
    const right = this.#set(this.#root, key, value, true);
    if (right !== null) {
      const children = [this.#root, right];
      this.#root = { owner: this.#owner, keys: children.map(({ keys }) => keys[0]!), values: NONE, children };
    }
  }

  /** Returns whether the key existed. */
  delete(key: K): boolean {
    if (!this.has(key)) return false;
    this.#owner ??= {};
    this.#root = own(this.#root, this.#owner);
    this.#delete(this.#root, key);
    while (this.#root.children?.length === 1) this.#root = this.#root.children[0]!;
    this.#size -= 1;
    return true;
  }

  minKey(): K | undefined {
    let node = this.#root;
    while (node.children !== null) node = node.children[0]!;
    return node.keys[0];
  }

  maxKey(): K | undefined {
    let node = this.#root;
    while (node.children !== null) node = node.children.at(-1)!;
    return node.keys.at(-1);
  }

  /** In order, starting at `from`. The map must not change meanwhile; iterate over a clone if it may. */
  *entries(from?: K): Generator<[K, V]> {
    for (const { keys, values, first } of leaves(this.#root, from)) {
      for (let i = first; i < keys.length; i++) yield [keys[i]!, values[i]!];
    }
  }

  *keys(from?: K): Generator<K> {
    for (const { keys, first } of leaves(this.#root, from)) {
      for (let i = first; i < keys.length; i++) yield keys[i]!;
    }
  }

  *values(from?: K): Generator<V> {
    for (const { values, first } of leaves(this.#root, from)) {
      for (let i = first; i < values.length; i++) yield values[i]!;
    }
  }

  /** In descending order, starting at the greatest key not above `from`. */
  *entriesReversed(from?: K): Generator<[K, V]> {
    for (const { keys, values, last } of leavesReversed(this.#root, from)) {
      for (let i = last; i >= 0; i--) yield [keys[i]!, values[i]!];
    }
  }

  /** Calls `visit` for each entry from `low` to `high`, in order. */
  forRange(low: K, high: K, includeHigh: boolean, visit: (key: K, value: V) => void): void {
    for (const { keys, values, first } of leaves(this.#root, low)) {
      for (let i = first; i < keys.length; i++) {
        const key = keys[i]!;
        if (key > high || (key === high && !includeHigh)) return;
        visit(key, values[i]!);
      }
    }
  }

  /** Returns the new right neighbor if the node was split. `last`: no node of the map is to the right of this one. */
  #set(node: Node<K, V>, key: K, value: V, last: boolean): Node<K, V> | null {
    const { keys, children } = node;
    if (children === null) {
      const index = lowerBound(keys, key);
      if (keys[index] === key) {
        node.values[index] = value;
        return null;
      }
      this.#size += 1;
      if (keys.length < NODE_MAX) {
        insertAt(keys, index, key);
        insertAt(node.values, index, value);
        return null;
      }
      // Ascending keys, such as times and ordinals, leave full nodes behind.
      const at = last && index === NODE_MAX ? NODE_MAX : NODE_MAX >> 1;
      const right = leaf(this.#owner!, keys.splice(at), node.values.splice(at));
      const [side, place] = index < at ? [node, index] : [right, index - at];
      insertAt(side.keys, place, key);
      insertAt(side.values, place, value);
      return right;
    }
    const index = childAt(keys, key);
    const child = own(children[index]!, this.#owner!);
    children[index] = child;
    const added = this.#set(child, key, value, last && index === children.length - 1);
    if (key < keys[index]!) keys[index] = key;
    if (added === null) return null;
    let [side, place]: [Node<K, V>, number] = [node, index + 1];
    let right: Node<K, V> | null = null;
    if (children.length === NODE_MAX) {
      const at = last && place === NODE_MAX ? NODE_MAX : NODE_MAX >> 1;
      right = { owner: this.#owner!, keys: keys.splice(at), values: NONE, children: children.splice(at) };
      if (place >= at) [side, place] = [right, place - at];
    }
    insertAt(side.keys, place, added.keys[0]!);
    insertAt(side.children!, place, added);
    return right;
  }

  #delete(node: Node<K, V>, key: K): void {
    const { keys, children } = node;
    if (children === null) {
      const index = lowerBound(keys, key);
      keys.splice(index, 1);
      node.values.splice(index, 1);
      return;
    }
    const index = childAt(keys, key);
    const child = own(children[index]!, this.#owner!);
    children[index] = child;
    this.#delete(child, key);
    if (child.keys.length === 0) {
      keys.splice(index, 1);
      children.splice(index, 1);
      return;
    }
    keys[index] = child.keys[0]!;
    if (child.keys.length >= NODE_MIN) return;
    const at = index > 0 ? index - 1 : 0;
    const [left, right] = [children[at]!, children[at + 1]];
    if (!right || left.keys.length + right.keys.length > MERGED_MAX) return;
    const merged = own(left, this.#owner!);
    merged.keys.push(...right.keys);
    if (merged.children === null) merged.values.push(...right.values);
    else merged.children.push(...right.children!);
    children[at] = merged;
    keys.splice(at + 1, 1);
    children.splice(at + 1, 1);
  }
}

/** A leaf has values. An inner node has children, and for each child its least key when it was last written. */
type Node<K, V> = { owner: object; keys: K[]; values: V[]; children: Node<K, V>[] | null };

const NODE_MAX = 32;
/** A node with fewer keys is merged with a neighbor if both fit into MERGED_MAX. */
const NODE_MIN = 8;
const MERGED_MAX = 24;
const NO_OWNER = {};
const NONE: never[] = [];

const leaf = <K, V>(owner: object, keys: K[], values: V[]): Node<K, V> => ({ owner, keys, values, children: null });

/** The node if `owner` may change it in place, else a copy owned by `owner`. */
function own<K, V>(node: Node<K, V>, owner: object): Node<K, V> {
  if (node.owner === owner) return node;
  const { keys, values, children } = node;
  if (children === null) return leaf(owner, keys.slice(), values.slice());
  return { owner, keys: keys.slice(), values: NONE, children: children.slice() };
}

/** Faster than `splice`, which allocates an array for the removed items every time. */
function insertAt<T>(list: T[], index: number, item: T): void {
  list.push(item);
  for (let i = list.length - 1; i > index; i--) list[i] = list[i - 1]!;
  list[index] = item;
}

/** The first index whose key is not less. */
function lowerBound<K extends string | number>(keys: readonly K[], key: K): number {
  // Two identical loops: V8 specializes each for one type of key.
  let low = 0;
  let high = keys.length;
  if (typeof key === 'string') {
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as number) < (key as number)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The only child that can contain the key: the last one whose least key is not greater. */
function childAt<K extends string | number>(keys: readonly K[], key: K): number {
  let low = 1;
  let high = keys.length;
  if (typeof key === 'string') {
    while (low < high) {
      const middle = (low + high) >> 1;
      if (key < (keys[middle] as string)) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((key as number) < (keys[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

type Position<K, V> = { node: Node<K, V>; index: number };

function* leaves<K extends string | number, V>(
  root: Node<K, V>,
  from: K | undefined,
): Generator<{ keys: K[]; values: V[]; first: number }> {
  const above: Position<K, V>[] = [];
  let node = root;
  let first = 0;
  while (node.children !== null) {
    const index: number = from === undefined ? 0 : childAt(node.keys, from);
    above.push({ node, index });
    node = node.children[index]!;
  }
  if (from !== undefined) first = lowerBound(node.keys, from);
  for (;;) {
    yield { keys: node.keys, values: node.values, first };
    first = 0;
    let place = above.at(-1);
    while (place && place.index === place.node.children!.length - 1) {
      above.pop();
      place = above.at(-1);
    }
    if (!place) return;
    place.index += 1;
    node = place.node.children![place.index]!;
    while (node.children !== null) {
      above.push({ node, index: 0 });
      node = node.children[0]!;
    }
  }
}

function* leavesReversed<K extends string | number, V>(
  root: Node<K, V>,
  from: K | undefined,
): Generator<{ keys: K[]; values: V[]; last: number }> {
  const above: Position<K, V>[] = [];
  let node = root;
  while (node.children !== null) {
    const index: number = from === undefined ? node.children.length - 1 : childAt(node.keys, from);
    above.push({ node, index });
    node = node.children[index]!;
  }
  let last = node.keys.length - 1;
  if (from !== undefined) {
    const index = lowerBound(node.keys, from);
    last = node.keys[index] === from ? index : index - 1;
  }
  for (;;) {
    yield { keys: node.keys, values: node.values, last };
    let place = above.at(-1);
    while (place && place.index === 0) {
      above.pop();
      place = above.at(-1);
    }
    if (!place) return;
    place.index -= 1;
    node = place.node.children![place.index]!;
    while (node.children !== null) {
      above.push({ node, index: node.children.length - 1 });
      node = node.children.at(-1)!;
    }
    last = node.keys.length - 1;
  }
}

/** Builds the tree over these leaves, bottom-up. */
function treeOver<K, V>(leaves: Node<K, V>[]): Node<K, V> {
  if (leaves.length === 1) return leaves[0]!;
  const level: Node<K, V>[] = [];
  for (let at = 0; at < leaves.length; at += FILLED) {
    const children = leaves.slice(at, at + FILLED);
    level.push({ owner: NO_OWNER, keys: children.map((child) => child.keys[0]!), values: NONE, children });
  }
  return treeOver(level);
}

/** Below NODE_MAX, so that the first writes after a build do not split every node. */
const FILLED = 28;

function leavesOf<K extends string | number, V>(keys: readonly K[], values: readonly V[]): Node<K, V>[] {
  const sorted = keys.every((key, i) => i === 0 || keys[i - 1]! < key);
  if (!sorted) {
    const order = keys.map((_, i) => i).sort((a, b) => (keys[a]! < keys[b]! ? -1 : keys[a] === keys[b] ? a - b : 1));
    const last = order.filter((at, i) => keys[at] !== keys[order[i + 1] ?? -1]);
    return leavesOf(
      last.map((at) => keys[at]!),
      last.map((at) => values[at]!),
    );
  }
  const level: Node<K, V>[] = [];
  for (let at = 0; at < keys.length; at += FILLED) {
    level.push(leaf(NO_OWNER, keys.slice(at, at + FILLED), values.slice(at, at + FILLED)));
  }
  return level;
}
