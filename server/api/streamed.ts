/**
 * Headers of Server-Sent Events. A proxy that compresses holds them back until it has enough of them, unless they say that they
 * are encoded already; nginx holds them back unless told.
 */
export const STREAMED = {
  'content-type': 'text/event-stream',
  'content-encoding': 'identity',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
} as const;
