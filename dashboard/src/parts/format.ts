/** Figures as text. Each has its unit beside it; null is a dash. */

export const NONE = '–';

const COUNTS = new Intl.NumberFormat('en-US');

/** `48,213` */
export function count(value: number): string {
  return COUNTS.format(value);
}

/** `12.4k`, for places that have no room for `12,400`. */
export function shortCount(value: number): string {
  if (value < 10_000) return count(value);
  if (value < 1_000_000) return `${trim(value / 1_000)}k`;
  return `${trim(value / 1_000_000)}M`;
}

/** `45 %`; one decimal below 10, where it says something. */
export function percent(value: number | null | undefined, digits = 0): string {
  return value === null || value === undefined ? NONE : `${value.toFixed(digits)} %`;
}

/** The two greatest units: `41 s`, `3 m 10 s`, `1 h 21 m`, `2 d 4 h`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 1) return seconds <= 0 ? '0 s' : '< 1 s';
  if (seconds < 10 && !Number.isInteger(seconds)) return `${trim(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), 'm', whole % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'm');
  const hours = Math.round(seconds / 3600);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** The greatest unit alone, for ages and for what is left: `2 m`, `3 h`. */
export function briefDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NONE;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86400)} d`;
}

const pair = (a: number, unitA: string, b: number, unitB: string) =>
  b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;

/** A place in a recording: `12:40`, `1:21:04`. */
export function place(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** `$21.10`, `$0.083`, `$0.0011`: three figures that count below a dollar. */
export function usd(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return '$0';
  if (value >= 1000) return `$${COUNTS.format(Math.round(value))}`;
  if (value >= 1) return `$${value.toFixed(2)}`;
  if (value < 0.0001) return '< $0.0001';
  return `$${Number(value.toPrecision(value >= 0.01 ? 3 : 2))}`;
}

/** `75.0 MB` */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value < 1000) return `${value} B`;
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(1)} ${unit}`;
  }
  return `${(value / 1e3).toFixed(1)} kB`;
}

/** `3.1 ×`: audio seconds for each second of work. */
export function factor(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : `${value >= 100 ? Math.round(value) : trim(value)} ×`;
}

function trim(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}
