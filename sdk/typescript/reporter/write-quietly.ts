/** Resolves once the text is written, or can't be: as with console, a closed reader must not end the worker. */
export function writeQuietly(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return Promise.resolve();
  const ignore = () => {};
  stream.once('error', ignore);
  return new Promise((resolve) => {
    stream.write(text, (error) => {
      // The error event follows.
      if (!error) stream.off('error', ignore);
      resolve();
    });
  });
}
