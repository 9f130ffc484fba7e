#!/usr/bin/env node
// The command of the npm package.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  console.error(`tmon needs Node 22.15 or newer; this is ${process.version}.`);
  process.exit(78);
}
// Node 22 calls its SQLite experimental; nobody who runs the command can do anything about that.
const { emitWarning } = process;
process.emitWarning = (warning, type, ...rest) => {
  if ((type?.type ?? type) !== 'ExperimentalWarning') emitWarning.call(process, warning, type, ...rest);
};
await import('../cli/main.js');
