/**
 * For tests: the bodies that services accept, as JSON Schemas written from their documentation. Closed, so that a field that a
 * service does not know fails.
 */
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import Ajv from 'ajv';

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });
const closed = { type: 'object', additionalProperties: false };

/**
 * `reference/events-v2/openapiv3.json` of PagerDuty's api-schema, and the limits and requirements of
 * https://developer.pagerduty.com/docs/send-alert-event (Events API v2: alert events).
 */
const PAGERDUTY = {
  ...closed,
  required: ['routing_key', 'event_action'],
  properties: {
    routing_key: { type: 'string', pattern: '^[A-Za-z0-9]{32}$' },
    event_action: { enum: ['trigger', 'acknowledge', 'resolve'] },
    dedup_key: text(255),
    payload: {
      ...closed,
      required: ['summary', 'source', 'severity'],
      properties: {
        summary: text(1024),
        source: text(10_000),
        severity: { enum: ['critical', 'error', 'warning', 'info'] },
        timestamp: { type: 'string' },
        component: { type: 'string' },
        group: { type: 'string' },
        class: { type: 'string' },
        custom_details: { type: 'object' },
      },
    },
    client: { type: 'string' },
    client_url: { type: 'string' },
    links: {
      type: 'array',
      items: { ...closed, required: ['href'], properties: { href: { type: 'string' }, text: { type: 'string' } } },
    },
  },
  if: { properties: { event_action: { const: 'trigger' } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['payload'] },
  else: { required: ['dedup_key'] },
};

/**
 * https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using (a card posted to the webhook
 * of a workflow), and `msteams.width` from …/task-modules-and-cards/cards/cards-format. The card: see refusedCard.
 */
const TEAMS = {
  ...closed,
  required: ['type', 'attachments'],
  properties: {
    type: { const: 'message' },
    attachments: {
      type: 'array',
      minItems: 1,
      items: {
        ...closed,
        required: ['contentType', 'content'],
        properties: {
          contentType: { const: 'application/vnd.microsoft.card.adaptive' },
          contentUrl: { type: 'null' },
          content: {
            type: 'object',
            required: ['type', 'version', 'body'],
            properties: { msteams: { ...closed, properties: { width: { const: 'Full' } } } },
          },
        },
      },
    },
  },
};

/** https://core.telegram.org/bots/api#sendmessage and #linkpreviewoptions */
const TELEGRAM = {
  ...closed,
  required: ['chat_id', 'text'],
  properties: {
    chat_id: { anyOf: [{ type: 'integer' }, { type: 'string', pattern: '^@' }] },
    // Of the text without its markup; entities count as one character.
    text: { type: 'string', minLength: 1 },
    parse_mode: { enum: ['HTML', 'MarkdownV2', 'Markdown'] },
    link_preview_options: { ...closed, properties: { is_disabled: { type: 'boolean' } } },
    disable_notification: { type: 'boolean' },
  },
};

/**
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, …/reference/block-kit/blocks/section-block and
 * …/reference/block-kit/composition-objects/text-object
 */
const SLACK = {
  ...closed,
  required: ['text'],
  properties: {
    text: text(40_000),
    blocks: {
      type: 'array',
      maxItems: 50,
      items: {
        ...closed,
        required: ['type', 'text'],
        properties: {
          type: { const: 'section' },
          text: {
            ...closed,
            required: ['type', 'text'],
            properties: { type: { enum: ['plain_text', 'mrkdwn'] }, text: text(3000) },
          },
        },
      },
    },
  },
};

const SCHEMAS = { pagerduty: PAGERDUTY, teams: TEAMS, telegram: TELEGRAM, slack: SLACK };

const ajv = new Ajv.default({ allErrors: true, strict: false });

/** Why the service would refuse the body; null if it would not. */
export function refusedBy(service: keyof typeof SCHEMAS, body: unknown): string | null {
  const validate = ajv.getSchema(service) ?? ajv.addSchema(SCHEMAS[service], service).getSchema(service)!;
  return validate(body) ? null : ajv.errorsText(validate.errors);
}

type AdaptiveCards = typeof import('adaptivecards');
// Its ES modules do not load in Node.
const cards: AdaptiveCards = createRequire(import.meta.url)('adaptivecards/dist/adaptivecards.js');

/** What Microsoft's own implementation finds wrong with an Adaptive Card: invalid values and unknown elements or fields. */
export function refusedCard(content: { version: string; msteams?: unknown }): string[] {
  const context = new cards.SerializationContext(
    cards.Version.parse(content.version, new cards.SerializationContext()),
  );
  const card = new cards.AdaptiveCard();
  card.parse(content, context);
  const problems = Array.from({ length: context.eventCount }, (_, index) => context.getEventAt(index).message);
  problems.push(...card.validateProperties().validationEvents.map(({ message }) => message));
  const { msteams: _, ...expected } = content;
  if (!isDeepStrictEqual(card.toJSON(), expected)) problems.push('it has fields that a card does not have');
  return problems;
}
