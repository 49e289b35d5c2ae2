/**
 * Who owns what a test starts: a `TestContext`, or `{ after }` of `node:test` for a whole file.
 * Everything in `test/support` that starts something takes one and registers how to stop it, so
 * that nothing outlives its test.
 */
export interface Scope {
  after(stop: () => void | Promise<void>): void;
}
