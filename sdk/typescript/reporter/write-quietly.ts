/** Resolves once it is written, or can't be: as with console, nobody reading any more is no reason for a worker to end. */
export function writeQuietly(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return Promise.resolve();
  const ignore = () => {};
  stream.once('error', ignore);
  return new Promise((resolve) => {
    stream.write(text, (error) => {
      // The event comes after this.
      if (!error) stream.off('error', ignore);
      resolve();
    });
  });
}
