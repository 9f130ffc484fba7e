/** Notices in words, for people: the title and text that a notifier sends, beside the document for programs. */
import type { Notice } from '../../notifiers/notifier.ts';
import { formatTime } from '../../protocol/time.ts';
import type { AlertLine, AlertsContent, NoticeRecord } from '../state-machine/state/notices.ts';
import { webhookBody } from './notification.ts';

/** Alerts that the text has in full; the others are counted. */
const SHOWN_MAX = 20;

export function messageOf(notice: NoticeRecord): Notice {
  const { id, content } = notice;
  const document = webhookBody(notice);
  if (content.kind === 'alerts') {
    const source = content.lines[0]?.labels.worker ?? content.lines[0]?.labels.queue ?? 'transcription-monitor';
    const incident = { key: content.incident, severity: severityOf(content), resolved: !content.open, source };
    return { id, title: titleOf(content), text: textOf(content), document, incident };
  }
  const title = 'transcription-monitor: a test of this destination';
  const text = 'Somebody has asked the monitor to test this destination. Nothing is wrong.';
  const incident = { key: id, severity: 'info', resolved: false, source: 'transcription-monitor' } as const;
  return { id, title, text, document, incident };
}

const WORDS = { CRITICAL: 'critical', WARNING: 'warning', INFO: 'info' } as const;

/** Of the most urgent one that fires. */
function severityOf({ lines }: AlertsContent): (typeof WORDS)[keyof typeof WORDS] {
  const [first] = lines;
  return first === undefined ? 'info' : WORDS[first.severity];
}

function titleOf({ open, firing, resolved, lines, labels }: AlertsContent): string {
  const count = firing > 0 ? firing : resolved;
  const state = firing > 0 ? (lines[0]?.severity ?? 'FIRING') : open ? 'Partly resolved' : 'Resolved';
  const about = count === 1 ? lines[0]?.message : `${count} alerts: ${groupName(labels, lines)}`;
  return `${state}: ${about ?? 'alerts'}`;
}

function groupName(labels: AlertsContent['labels'], lines: readonly AlertLine[]): string {
  const named = Object.entries(labels).map(([name, value]) => (name === 'alertname' ? value : `${name}=${value}`));
  const rules = [...new Set(lines.map(({ rule }) => rule))];
  return named.length > 0 ? named.join(', ') : rules.slice(0, 5).join(', ');
}

function textOf({ firing, resolved, lines }: AlertsContent): string {
  const parts: string[] = [];
  const list = (name: string, count: number, of: readonly AlertLine[]) => {
    if (count === 0) return;
    parts.push(`${name}: ${count}`, ...of.slice(0, SHOWN_MAX).map(lineOf));
    if (count > Math.min(of.length, SHOWN_MAX)) parts.push(`  … and ${count - Math.min(of.length, SHOWN_MAX)} more`);
  };
  list(
    'FIRING',
    firing,
    lines.filter(({ resolved_ms }) => resolved_ms === null),
  );
  list(
    'RESOLVED',
    resolved,
    lines.filter(({ resolved_ms }) => resolved_ms !== null),
  );
  const more = lines.find(({ description, runbook_url }) => description !== null || runbook_url !== null);
  if (more?.description) parts.push('', more.description);
  if (more?.runbook_url) parts.push('', more.runbook_url);
  return parts.join('\n');
}

function lineOf({ severity, rule, message, fired_ms, resolved_ms }: AlertLine): string {
  const when = resolved_ms === null ? `since ${formatTime(fired_ms)}` : `until ${formatTime(resolved_ms)}`;
  return `  ${severity.padEnd(8)}  ${rule}  ${message}  (${when})`;
}
