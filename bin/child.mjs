// What an older Node hands over to: the command, which ends with the process that was started. A supervisor that kills that one, with
// -9 too, must not leave a monitor behind that holds its store.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.channel?.unref();
await import('../cli/main.ts');
