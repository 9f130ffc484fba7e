/**
 * An object as programs print it into a line: JSON, JSON with the NaN and Infinity that Python adds, or the dict itself
 * (`{'event': 'JOB_FAILED', 'retries': None, 'took': datetime.timedelta(seconds=90)}`).
 */

export type Literal = { value: Record<string, unknown>; end: number };

/** The object that begins at `start`, whatever follows it. Null if it is cut or malformed. */
export function objectAt(text: string, start: number): Literal | null {
  const end = objectEnd(text, start);
  if (end !== -1) {
    try {
      return { value: JSON.parse(text.slice(start, end)) as Record<string, unknown>, end };
    } catch {}
  }
  try {
    const reader = new LiteralReader(text, start);
    const value = reader.value(0);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? { value: value as Record<string, unknown>, end: reader.at } : null;
  } catch (error) {
    if (error instanceof Cut) return null;
    throw error;
  }
}

/** The string in quotes that begins at `start`, with its escapes resolved; null if its quote does not close. */
export function quotedAt(text: string, start: number): { value: string; end: number } | null {
  try {
    const reader = new LiteralReader(text, start);
    return { value: reader.string(), end: reader.at };
  } catch (error) {
    if (error instanceof Cut) return null;
    throw error;
  }
}

/** The end of the JSON object that begins at `start`, ignoring what follows; -1 if it does not end. */
export function objectEnd(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === '{') depth += 1;
    else if (character === '}' && --depth === 0) return at + 1;
  }
  return -1;
}

class Cut extends Error {}

class LiteralReader {
  readonly #text: string;
  at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  value(depth: number): unknown {
    this.#pass(SPACES);
    const next = this.#text[this.at];
    if (next === undefined || depth > DEPTH_MAX) throw new Cut();
    if (next === '{') return this.#object(depth);
    if (next === '[' || next === '(') return this.#list(next === '[' ? ']' : ')', depth);
    if (this.#matches(STRING)) return this.string();
    const number = this.#take(NUMBER);
    if (number !== null) return Number(number);
    const name = this.#take(NAME);
    if (name === null) return this.#take(ODD) ?? this.#fail();
    if (this.#text[this.at] === '(') return this.#call(name, depth);
    const word = name.replace(/^[+-]/, '');
    return word in CONSTANTS ? CONSTANTS[word] : name;
  }

  string(): string {
    this.#take(STRING_PREFIX);
    const quote = this.#text[this.at];
    let text = '';
    for (let at = this.at + 1; at < this.#text.length; at += 1) {
      const character = this.#text[at]!;
      if (character === quote) {
        this.at = at + 1;
        return text;
      }
      if (character !== '\\') {
        text += character;
        continue;
      }
      ESCAPE.lastIndex = at;
      const [all = '\\', code] = ESCAPE.exec(this.#text) ?? [];
      const point = code === undefined ? null : Number.parseInt(code.slice(1), 16);
      if (point !== null && point <= 0x10ffff) text += String.fromCodePoint(point);
      else text += ESCAPED[all[1] ?? ''] ?? all.slice(1);
      at += all.length - 1;
    }
    throw new Cut();
  }

  #object(depth: number): Record<string, unknown> {
    const fields: Record<string, unknown> = {};
    this.at += 1;
    for (;;) {
      this.#pass(BETWEEN);
      if (this.#text[this.at] === '}') break;
      const name = String(this.value(depth + 1));
      this.#pass(SPACES);
      if (this.#text[this.at] !== ':') {
        // The members of a set have no values.
        if (Object.keys(fields).length > 0) throw new Cut();
        continue;
      }
      this.at += 1;
      const value = this.value(depth + 1);
      if (name !== '__proto__') fields[name] = value;
    }
    this.at += 1;
    return fields;
  }

  #list(closes: string, depth: number): unknown[] {
    const items: unknown[] = [];
    this.at += 1;
    for (;;) {
      this.#pass(BETWEEN);
      if (this.#text[this.at] === closes) break;
      items.push(this.value(depth + 1));
    }
    this.at += 1;
    return items;
  }

  /** `np.float32(45.0)`, `datetime.timedelta(days=1, seconds=20)`, `Decimal('4.5')`. */
  #call(name: string, depth: number): unknown {
    const given: unknown[] = [];
    const named: Record<string, unknown> = {};
    this.at += 1;
    for (;;) {
      this.#pass(BETWEEN);
      if (this.#text[this.at] === ')') break;
      const keyword = this.#take(KEYWORD);
      if (keyword === null) given.push(this.value(depth + 1));
      else named[keyword.slice(0, -1)] = this.value(depth + 1);
    }
    this.at += 1;
    return calledValue(name.split('.').at(-1)!, given, named);
  }

  #pass(pattern: RegExp): void {
    pattern.lastIndex = this.at;
    pattern.exec(this.#text);
    this.at = Math.max(this.at, pattern.lastIndex);
    if (this.at >= this.#text.length) throw new Cut();
  }

  #matches(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    return pattern.test(this.#text);
  }

  #take(pattern: RegExp): string | null {
    if (!this.#matches(pattern)) return null;
    const taken = this.#text.slice(this.at, pattern.lastIndex);
    this.at = pattern.lastIndex;
    return taken;
  }

  #fail(): never {
    throw new Cut();
  }
}

/** A timedelta is its seconds, a datetime its text, anything else its only argument. */
function calledValue(name: string, given: readonly unknown[], named: Readonly<Record<string, unknown>>): unknown {
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  if (name === 'timedelta') {
    const [days = named.days, seconds = named.seconds, micros = named.microseconds] = given;
    return number(days) * 86_400 + number(seconds) + number(micros) / 1e6 + number(named.hours) * 3600;
  }
  if (name === 'datetime' && given.length >= 3) {
    const [year, month, day, hour = 0, minute = 0, second = 0, micros = 0] = given.map(number);
    const two = (value: number | undefined): string => String(value).padStart(2, '0');
    const zone = named.tzinfo === 'utc' || named.tzinfo === 'datetime.timezone.utc' ? 'Z' : '';
    const clock = `${two(hour)}:${two(minute)}:${two(second)}.${String(micros).padStart(6, '0')}`;
    return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${clock}${zone}`;
  }
  return given[0] ?? null;
}

const DEPTH_MAX = 40;
const CONSTANTS: Readonly<Record<string, unknown>> = {
  __proto__: null,
  None: null,
  null: null,
  undefined: null,
  NaN: null,
  nan: null,
  NaT: null,
  Infinity: null,
  inf: null,
  True: true,
  true: true,
  False: false,
  false: false,
};
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0' };
const SPACES = /\s*/y;
const BETWEEN = /[\s,]*/y;
const STRING_PREFIX = /[bBrRuUfF]{0,2}(?=["'])/y;
const STRING = /[bBrRuUfF]{0,2}["']/y;
const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?=\s*[,}\]):]|\s*$)/y;
const NAME = /[+-]?[A-Za-z_][\w.]*(?=\s*[,}\]):(]|\s*$)/y;
const KEYWORD = /[A-Za-z_]\w*=/y;
/** `<Stage.UPLOADING: 3>`, `20 min`: no literal of any language. */
const ODD = /<[^<>]*>|[^\s,{}[\]()"'][^,{}[\]()"']*/y;
const ESCAPE = /\\(?:(x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|U[\dA-Fa-f]{8})|[\s\S])/y;
