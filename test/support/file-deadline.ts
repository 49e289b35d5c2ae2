/**
 * Loaded into every test process by `test/run.ts`. node:test puts a limit on each test but not on a
 * file: one that leaves a socket or a child behind would keep the whole run waiting for ever.
 */
const FILE_DEADLINE_MS = 300_000;

setTimeout(() => {
  const open = process.getActiveResourcesInfo().join(", ");
  process.stderr.write(
    `${process.argv[1]}: still running after ${FILE_DEADLINE_MS / 1000} s; open: ${open}\n`,
  );
  process.exit(1);
}, FILE_DEADLINE_MS).unref();
