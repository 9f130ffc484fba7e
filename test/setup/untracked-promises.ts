/**
 * Preloaded by `npm test`: runs the tests without the test runner's tracking of promises, which takes up to four fifths of
 * the time of a test that awaits much.
 *
 * The runner follows every promise by async hooks to find the test that an uncaught error belongs to. Without them, such
 * an error still fails its file, and its stack is printed; `node --test FILE` without this preload names the test as well.
 */
import async_hooks, { type AsyncHook, AsyncResource } from 'node:async_hooks';

const { createHook } = async_hooks;
const { runInAsyncScope } = AsyncResource.prototype;
const noHook: AsyncHook = { enable: () => noHook, disable: () => noHook };

// The runner is loaded after this and takes the function from the module then.
async_hooks.createHook = (callbacks) => {
  const caller = new Error().stack?.split('\n')[2] ?? '';
  if (!caller.includes('node:internal/test_runner')) return createHook(callbacks);
  // A test or suite is still announced before its body runs, so that what is declared there becomes part of it.
  AsyncResource.prototype.runInAsyncScope = function (run, ...given) {
    callbacks.init?.(this.asyncId(), 'Test', this.triggerAsyncId(), this);
    return runInAsyncScope.call(this, run as () => unknown, ...given) as ReturnType<typeof run>;
  };
  // Beside the runner's own listeners, which fail the file but print no stack.
  for (const name of ['uncaughtException', 'unhandledRejection']) process.on(name, (error) => console.error(error));
  return noHook;
};
