/**
 * `pagerduty:ROUTING-KEY[?region=eu]`: opens an incident through the Events API v2, and closes it again. TMON_PAGERDUTY_URL:
 * another address of the API.
 */
import { type Incident, type Notice, type Notifier, NotifierError, type NotifierOptions } from './notifier.ts';
import { postJson } from './webhook.ts';

const ENDPOINTS: Record<string, string> = {
  us: 'https://events.pagerduty.com/v2/enqueue',
  eu: 'https://events.eu.pagerduty.com/v2/enqueue',
};

/** PagerDuty's limits, in characters. */
const SUMMARY_MAX = 1024;
const KEY_MAX = 255;
/** An event has at most 512 KB. */
const TEXT_MAX = 100_000;

export function pagerdutyNotifier(rest: string, { environment, allow_private }: NotifierOptions): Notifier {
  const { key, region } = /^(?<key>[A-Za-z0-9]{32})(\?region=(?<region>us|eu))?$/.exec(rest)?.groups ?? {};
  if (key === undefined) {
    throw new NotifierError('a PagerDuty notifier must be pagerduty:ROUTING-KEY, 32 letters and digits', {
      hint: 'the integration key of a service’s "Events API V2" integration; ?region=eu for accounts in the EU',
    });
  }
  const url = environment.TMON_PAGERDUTY_URL || ENDPOINTS[region ?? 'us']!;
  const name = `pagerduty:…${key.slice(-4)}`;
  return {
    name,
    async notify(notice, signal) {
      const body = JSON.stringify({ routing_key: key, ...eventOf(notice) });
      await postJson(url, { name, body, allow_private, signal });
    },
  };
}

function eventOf({ title, text, incident }: Notice): Record<string, unknown> {
  const dedup_key = incident.key.slice(0, KEY_MAX);
  if (incident.resolved) return { event_action: 'resolve', dedup_key };
  return {
    event_action: 'trigger',
    dedup_key,
    payload: {
      summary: title.slice(0, SUMMARY_MAX),
      source: incident.source,
      severity: SEVERITIES[incident.severity],
      custom_details: { report: text.slice(0, TEXT_MAX) },
    },
    client: 'transcription-monitor',
  };
}

const SEVERITIES: Record<Incident['severity'], string> = { critical: 'critical', warning: 'warning', info: 'info' };
