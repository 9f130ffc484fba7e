/** Ends reporters with their process: by `close` while the event loop runs out, by `endNow` when nothing can be awaited. */

export interface Ending {
  close(): Promise<void>;
  endNow(): void;
}

const open = new Set<Ending>();

/** The returned function ends it; one listener of the process serves all. */
export function endWithProcess(ending: Ending): () => void {
  if (open.size === 0) {
    process.on('beforeExit', closeAll);
    process.on('exit', endAllNow);
  }
  open.add(ending);
  return () => {
    open.delete(ending);
    if (open.size > 0) return;
    process.off('beforeExit', closeAll);
    process.off('exit', endAllNow);
  };
}

function closeAll(): void {
  for (const ending of open) void ending.close();
}

/** Also after `process.exit()`, an uncaught exception and an unhandled rejection; not after a signal. */
function endAllNow(): void {
  for (const ending of open) ending.endNow();
}
